/** What a route takes as its body: media types with their schemas, a limit, and how it is read. */
import { Effect, Schema } from "effect"
import type { UnsupportedCharset } from "../edge/body-charset.ts"
import type { EdgeContext } from "../edge/edge.ts"
import type { InvalidBody, NotJson } from "../edge/failures.ts"
import { readJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import type { Failure } from "../edge/problems.ts"
import { type BodyFailure, type BodyKind, RequestBodies } from "../edge/request-body.ts"
import { JSON_TYPE } from "./reply.ts"

/** One form of a body. */
export interface MediaType {
  readonly schema: Schema.Top
  readonly example?: unknown
}

/** The body of a request, which `request.body` reads when the handler asks for it. */
export interface Body<A> {
  readonly description?: string
  readonly bytesMax: number
  readonly media: Readonly<Record<string, MediaType>>
  /** Whether members that the schema does not have are refused. */
  readonly closed: boolean
  /** The failures of reading it, which the route names by itself. */
  readonly failures: ReadonlyArray<Failure["_tag"]>
  readonly read: (c: EdgeContext, owner: string) => A
}

/** The failures of the bytes of a body, whatever is in them. */
export const bytesFailures = [
  "BodiesFull",
  "BodyCutOff",
  "BodyTooLarge",
  "BodyTooSlow",
  "BrokenCoding",
  "TooManyRequests",
  "UnsupportedCoding",
] as const satisfies ReadonlyArray<BodyFailure["_tag"]>

/** The failures of a body in JSON. */
export const jsonFailures = [...bytesFailures, "InvalidBody", "NotJson", "UnsupportedCharset"] as const

type JsonFailure = BodyFailure | InvalidBody | NotJson | UnsupportedCharset

interface JsonTerms<A> {
  readonly kind: BodyKind
  readonly bytesMax: number
  readonly description?: string
  readonly example: A
}

/** A body in JSON, of at most `bytesMax`, without any other members than those of its schema. */
export const jsonBody = <A, I>(
  schema: Schema.Codec<A, I>,
  { kind, bytesMax, example, ...rest }: JsonTerms<I>,
): Body<Effect.Effect<A, JsonFailure, RequestBodies>> => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return {
    ...rest,
    bytesMax,
    media: { [JSON_TYPE]: { schema, example } },
    closed: true,
    failures: jsonFailures,
    read: (c, owner) =>
      Effect.andThen(
        requireJson(c),
        Effect.flatMap(RequestBodies, (bodies) =>
          bodies.use(c.env, { kind, owner, bytesMax }, (bytes) =>
            Effect.andThen(requireUtf8(c, bytes), readJson(bytes, decode)),
          ),
        ),
      ),
  }
}

/** A body that the handler reads by itself: of several media types, in slices, or after its signature was verified. */
export const ownBody = (terms: Omit<Body<undefined>, "failures" | "read">): Body<undefined> => ({
  ...terms,
  failures: [],
  read: () => undefined,
})
