/**
 * A route, defined once and in one file: what it is for, who may call it, what it takes and answers, and what handles it. From this
 * come the registration with its check of the caller, the reading of parameters and body, and the operation in the
 * OpenAPI document. A handler that replies or fails as the definition does not say does not compile.
 */
import { Effect } from "effect"
import { Hono } from "hono"
import { acceptedType } from "../edge/accepted-type.ts"
import type { Call, Edge, EdgeContext, EdgeEnv, EdgeHandler } from "../edge/edge.ts"
import { NotAcceptable } from "../edge/failures.ts"
import type { Failure } from "../edge/problems.ts"
import type { Body } from "./bodies.ts"
import type { Guard } from "./guards.ts"
import {
  type Parameter,
  type ParametersOf,
  type PathParameter,
  type PathParametersOf,
  readHeaders,
  readPath,
  readQuery,
} from "./parameters.ts"
import {
  type Answers,
  type MediaTypeOf,
  mediaTypesOf,
  type RefusalForm,
  type Reply,
  type ReplyOf,
  writerOf,
} from "./reply.ts"
import type { Tag } from "./tags.ts"

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
type FailureTag = Failure["_tag"]

/** What is said of a route. */
export interface Definition {
  readonly method: Method
  /** As Hono writes it: `/payout-batches/:id`. It is also the label of its metrics. */
  readonly path: `/${string}`
  readonly operationId: string
  readonly tag: Tag
  readonly summary: string
  /** What a client can rely on, in Markdown. */
  readonly description: string
  readonly guard: Pick<Guard<{ readonly c: Call }>, "access" | "failures">
  readonly parameters?: Readonly<Record<string, PathParameter<unknown>>>
  readonly query?: Readonly<Record<string, Parameter<unknown>>>
  /** Their names are in lower case. */
  readonly headers?: Readonly<Record<string, Parameter<unknown>>>
  readonly body?: Body<unknown>
  readonly answers: Answers
  /** Replies with 200 have an entity tag, and are not sent again to who has them. For routes that read. */
  readonly conditional?: true
  /** By status, in what other forms than problem details a refusal may be answered. The handler replies with a `Response` for these. */
  readonly refusalForms?: Readonly<Record<number, RefusalForm>>
  /** Where it is served, if not only by the API: `operations` is the listener for those who run the service. */
  readonly listener?: "both" | "operations"
  /** Failures of the handler: not those of the caller's check, of parameters and of a body that the route reads. */
  readonly failures: ReadonlyArray<FailureTag>
}

/** A route with its handler, which needs the services `R`. */
export interface Route<R> {
  readonly definition: Definition
  readonly mount: (edge: Edge<R>) => EdgeHandler
  /** The handler without a check of the caller, for a route that is also answered without Hono. */
  readonly handle: (who: { readonly c: Call }) => Effect.Effect<Response, Failure, R>
}

/** The names in a path. */
type NamesIn<Path> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** The failures that a route names without its author. */
type Implied<Query, Headers, Names> =
  | ([Names] extends [never] ? never : "NotFound")
  | ([keyof Query | keyof Headers] extends [never] ? never : "InvalidRequest")

type Described<Path extends string, Who extends { readonly c: Call }, Parameters, Query, Headers, Content> = {
  readonly guard: Guard<Who>
  readonly path: Path
  readonly query?: ParametersOf<Query>
  readonly headers?: ParametersOf<Headers>
  readonly body?: Body<Content>
} & ([NamesIn<Path>] extends [never]
  ? { readonly parameters?: undefined }
  : { readonly parameters: PathParametersOf<Parameters> & Readonly<Record<NamesIn<Path>, unknown>> })

/** What a handler gets: who calls, the values of the parameters, and the body, which is read when the handler asks for it. */
export type Request<Who, Parameters, Query, Headers, Content, Type> = Who & {
  readonly parameters: Parameters
  readonly query: Query
  readonly headers: Headers
  readonly body: Content
  /** The one that the client prefers of those of the route's answers. */
  readonly mediaType: Type
}

/**
 * Begins the definition of a route; `handledBy` ends it. The handler's failures are those in `failures`, those of the check of the
 * caller, and those of parameters and body: with any other it does not compile, and neither with one that is named but cannot happen.
 */
export const route = <
  const Path extends `/${string}`,
  Who extends { readonly c: Call },
  const Answered extends Answers,
  const Tags extends ReadonlyArray<FailureTag>,
  Parameters = Record<never, never>,
  Query = Record<never, never>,
  Headers = Record<never, never>,
  Content = undefined,
>(
  definition: Omit<
    Definition,
    "answers" | "body" | "failures" | "guard" | "headers" | "parameters" | "path" | "query"
  > &
    Described<Path, Who, Parameters, Query, Headers, Content> & {
      readonly answers: Answered
      readonly failures: Tags
    },
) => ({
  handledBy: <
    Handled extends Effect.Effect<
      ReplyOf<Answered>,
      FailureOf<Tags[number] | BodyTag<Content> | Implied<Query, Headers, NamesIn<Path>>>,
      unknown
    >,
  >(
    handle: (request: Request<Who, Parameters, Query, Headers, Content, MediaTypeOf<Answered>>) => Handled,
  ): Named<Tags[number], Effect.Error<Handled>, Route<Effect.Services<Handled>>> =>
    made(definition as unknown as Definition & { readonly guard: Guard<Who> }, handle as never) as never,
})

type FailureOf<FailureTags> = Extract<Failure, { readonly _tag: FailureTags }>

/** The failures of reading a body. */
type BodyTag<Content> =
  Content extends Effect.Effect<infer _, infer E, infer __> ? (E extends Failure ? E["_tag"] : never) : never

/** The route, or no route if a failure is named that cannot happen. */
type Named<FailureTags, E, Made> = [Exclude<FailureTags, (E & Failure)["_tag"]>] extends [never]
  ? Made
  : { readonly "named, but the handler never fails so": Exclude<FailureTags, (E & Failure)["_tag"]> }

type AnyRequest = Request<{ readonly c: Call }, unknown, unknown, unknown, unknown, unknown>

const made = <Who extends { readonly c: Call }, R>(
  definition: Definition & { readonly guard: Guard<Who> },
  handle: (request: AnyRequest) => Effect.Effect<Reply<number, unknown> | Response, Failure, R>,
): Route<R> => {
  const { guard, parameters, query, headers, body, answers, conditional = false } = definition
  const ofPath = parameters === undefined ? () => none : (c: Call) => readPath(c, parameters)
  const ofQuery =
    query === undefined && isForAnyone(guard)
      ? () => none
      : (c: Call) => readQuery(c as EdgeContext, query ?? {})
  const ofHeaders = headers === undefined ? () => none : (c: Call) => readHeaders(c, headers)
  const [preferred, ...others] = mediaTypesOf(answers)
  const mediaTypeFor = (c: Call) =>
    preferred === undefined ? "" : acceptedType(c.req.header("accept"), [preferred, ...others])
  const written = writerOf(answers, conditional)
  const answer = (who: Who): Effect.Effect<Response, Failure, R> => {
    const { c } = who
    const mediaType = mediaTypeFor(c)
    if (mediaType === undefined) return Effect.fail(new NotAcceptable({ mediaTypes: mediaTypesOf(answers) }))
    const read = { parameters: ofPath(c), query: ofQuery(c), headers: ofHeaders(c) }
    for (const values of [read.parameters, read.query, read.headers])
      if (values instanceof Error) return Effect.fail(values as Failure)
    const content = body?.read(c as EdgeContext, guard.ownerOf(who))
    return Effect.map(handle({ ...who, ...read, body: content, mediaType }), (answered) =>
      written(answered, c.req.header("if-none-match")),
    )
  }
  return {
    definition,
    mount: (edge) => guard.mount(edge, answer),
    handle: answer as (who: { readonly c: Call }) => Effect.Effect<Response, Failure, R>,
  }
}

const none = {}

/**
 * Whether callers have no key. A bank may add parameters to the address that it calls, a probe or a browser to a page, and nothing
 * is chosen by them. On all other routes a parameter that is not known is refused.
 */
const isForAnyone = ({ access }: Definition["guard"]): boolean => access === "open" || access === "signed"

/** An app with routes, which run with the services of an edge. */
export const mounted = <R>(edge: Edge<R>, routes: ReadonlyArray<Route<R>>): Hono<EdgeEnv> => {
  const app = new Hono<EdgeEnv>()
  for (const { definition, mount } of routes) app.on(definition.method, definition.path, mount(edge))
  return app
}
