/** The OpenAPI 3.1 document of routes: all of it comes from their definitions, their schemas, and the table of problems. */
import type { Schema } from "effect"
import { operatorActs, scopes } from "../../identity/access.ts"
import { componentsOf } from "../../parsing/json-schemas.ts"
import { type ProblemType, problemTypesOf } from "../edge/problem-types.ts"
import type { Failure } from "../edge/problems.ts"
import { writtenHeader } from "./parameters.ts"
import { type Answer, type Answers, JSON_TYPE, mediaTypesOf, type RefusalForm } from "./reply.ts"
import type { Definition } from "./route.ts"
import { tags } from "./tags.ts"

type Json = Readonly<Record<string, unknown>>

/** An OpenAPI document, as far as it is looked at. */
export interface OpenApiDocument extends Json {
  readonly paths: Readonly<Record<string, Json>>
  readonly components: Json & { readonly schemas: Json }
}

const info = {
  title: "AtlasPay",
  version: "0.2.0",
  summary: "Pays batches of payouts, each item exactly once.",
  description:
    "Pays batches of payouts, each item exactly once, and records every step in an append-only log. " +
    "Refusals are problem details (RFC 9457); each type of problem says what to do next. Routes that need a key refuse " +
    "query parameters that they do not have, and repeated ones, with 400.",
  contact: { name: "The operator of this service" },
  license: { name: "Apache-2.0", identifier: "Apache-2.0" },
}

const operationsServer = {
  url: "http://127.0.0.1:9464",
  description: "The listener for those who run the service.",
}
const apiServer = { url: "/", description: "The service that shows this document." }

const securitySchemes = {
  partnerKey: {
    type: "http",
    scheme: "bearer",
    description: `The API key of a partner. Scopes: ${scopes.join(", ")}.`,
  },
  operatorKey: {
    type: "http",
    scheme: "bearer",
    description: `The key of an operator. It may permit: ${operatorActs.join(", ")}.`,
  },
  signature: {
    type: "apiKey",
    in: "header",
    name: "webhook-signature",
    description:
      "The signature of a Standard Webhook, at most five minutes old. A kind of bank may sign in another way.",
  },
}

/**
 * The document. With `strict`, answers may have no members but those that it describes: for tests. Clients have to expect more.
 */
export const openApiOf = (
  definitions: ReadonlyArray<Definition>,
  { strict = false }: { readonly strict?: boolean } = {},
): OpenApiDocument => {
  const schemas = new Schemas(strict)
  const problems = new Map<string, ProblemType>()
  const operations = definitions.map((definition) => ({
    path: definition.path.replaceAll(/:(\w+)/g, "{$1}"),
    method: definition.method.toLowerCase(),
    listener: definition.listener,
    operation: operationOf(definition, schemas, problems),
  }))
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { path, method, listener, operation } of operations) {
    const servers = listener === undefined ? {} : { servers: serversOf(listener) }
    paths[path] = { ...servers, ...paths[path], [method]: operation }
  }
  const examples = Object.fromEntries(
    [...problems.values()].map(({ slug, title, example }) => [slug, { summary: title, value: example }]),
  )
  for (const { slug, schema } of problems.values()) schemas.add(schema, true, nameOfProblem(slug))
  const used = new Set(definitions.map(({ tag }) => tag))
  return schemas.fill({
    openapi: "3.1.0",
    info,
    servers: [apiServer],
    tags: Object.entries(tags).flatMap(([name, description]) =>
      [...used].some((tag) => tag === name) ? [{ name, description }] : [],
    ),
    paths,
    components: { securitySchemes, examples },
  })
}

const serversOf = (listener: "both" | "operations") =>
  listener === "both" ? [apiServer, operationsServer] : [operationsServer]

const operationOf = (definition: Definition, schemas: Schemas, problems: Map<string, ProblemType>): Json => {
  const { operationId, tag, summary, description, guard, body } = definition
  const answers = answersOf(definition)
  const failures = failuresOf(definition)
  const responses = Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, schemas)])
  return {
    operationId,
    tags: [tag],
    summary,
    description: `${description}${neededOf(guard.access)}`,
    security: securityOf(guard.access),
    ...parametersOf(definition, schemas),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            description: `${body.description ?? "The request."} At most ${body.bytesMax} bytes.`,
            content: Object.fromEntries(
              Object.entries(body.media).map(([type, { schema, example }]) => [
                type,
                { schema: schemas.add(schema, body.closed), ...(example === undefined ? {} : { example }) },
              ]),
            ),
          },
        }),
    responses: { ...Object.fromEntries(responses), ...refusalsOf(failures, definition, problems) },
  }
}

/** Every failure that may be answered. An address that is not in canonical form is refused on every route. */
const failuresOf = ({
  guard,
  parameters,
  body,
  answers,
  failures,
}: Definition): ReadonlyArray<Failure["_tag"]> => [
  "InvalidRequest",
  ...guard.failures,
  ...(parameters === undefined ? [] : (["NotFound"] as const)),
  ...(body?.failures ?? []),
  ...(mediaTypesOf(answers).length === 0 ? [] : (["NotAcceptable"] as const)),
  ...failures,
]

/** The answers, and those of a conditional route that follow from the entity tags of its replies. */
const answersOf = ({ answers, conditional }: Definition): Answers => {
  const ok = answers[200]
  if (!conditional || ok === undefined) return answers
  const description = "Of all bytes of the answer. Send it as `If-None-Match`."
  // An answer of another form is a stream, of which nobody knows all bytes when it begins.
  const optional = ok.otherMediaTypes === undefined ? {} : { optional: true as const }
  return {
    ...answers,
    200: { ...ok, headers: { etag: { description, ...optional }, ...ok.headers } },
    304: {
      description: "You have the answer: its `ETag` is one of those in `If-None-Match`.",
      headers: { etag: { description } },
    },
  }
}

const ifNoneMatch = {
  in: "header",
  name: "If-None-Match",
  required: false,
  description:
    "The `ETag` of an answer that you have: if it is still the answer, you get 304 without a body.",
  schema: { type: "string" },
}

const securityOf = (access: Definition["guard"]["access"]): ReadonlyArray<Json> => {
  if (access === "open") return []
  if (access === "signed") return [{ signature: [] }]
  const { partner, operator } = access
  return [
    ...(partner === undefined ? [] : [{ partnerKey: [] }]),
    ...(operator === undefined ? [] : [{ operatorKey: [] }]),
  ]
}

/** What a key has to permit. OpenAPI has no scopes for keys that are not of OAuth, so it is in the description. */
const neededOf = (access: Definition["guard"]["access"]): string => {
  if (typeof access === "string") return ""
  const { partner, operator } = access
  const ways = [
    ...(partner === undefined ? [] : [`a partner's key with the scope \`${partner}\``]),
    ...(operator === undefined ? [] : [`an operator's key that permits \`${operator}\``]),
  ]
  return `\n\nNeeds ${ways.join(", or ")}.`
}

const signedHeaders = ["webhook-id", "webhook-timestamp"].map((name) => ({
  in: "header",
  name,
  required: false,
  description: "As Standard Webhooks define it.",
  schema: { type: "string" },
}))

const parametersOf = (definition: Definition, schemas: Schemas): Json => {
  const { guard, parameters, query, headers, conditional } = definition
  const described = [
    ...Object.entries(parameters ?? {}).map(([name, { schema, description, example }]) => ({
      in: "path",
      name,
      required: true,
      description,
      schema: schemas.add(schema, false),
      example,
    })),
    ...(
      [
        ["query", query ?? {}],
        ["header", headers ?? {}],
      ] as const
    ).flatMap(([place, all]) =>
      Object.entries(all).map(([name, { schema, description, required, separated, example }]) => ({
        in: place,
        name: place === "header" ? writtenHeader(name) : name,
        required,
        description,
        schema: schemas.add(schema, false),
        ...(separated ? { explode: false } : {}),
        ...(example === undefined ? {} : { example }),
      })),
    ),
    ...(conditional ? [ifNoneMatch] : []),
    ...(guard.access === "signed" ? signedHeaders : []),
  ]
  return described.length === 0 ? {} : { parameters: described }
}

const responseOf = (answer: Answer, schemas: Schemas): Json => {
  const { description, schema, mediaType = JSON_TYPE, headers = {}, example, otherMediaTypes = {} } = answer
  return {
    description,
    ...(Object.keys(headers).length === 0 ? {} : { headers: mapped(headers, headerOf) }),
    ...(schema === undefined
      ? {}
      : {
          content: {
            [mediaType]: {
              schema: schemas.add(schema, false),
              ...(example === undefined ? {} : { example }),
            },
            ...mapped(otherMediaTypes, textOf),
          },
        }),
  }
}

/** A body that is a text. */
const textOf = ({ example }: { readonly example: string }): Json => ({ schema: { type: "string" }, example })

const headerOf = ({
  description,
  example,
  optional,
}: {
  readonly description: string
  readonly example?: string
  readonly optional?: true
}): Json => ({
  description,
  ...(optional ? {} : { required: true }),
  schema: { type: "string" },
  ...(example === undefined ? {} : { example }),
})

const mapped = <A, B>(all: Readonly<Record<string, A>>, of: (one: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, of(one)]))

/** What headers of problems are for. */
const problemHeaders: Readonly<Record<string, string>> = {
  "accept-encoding": "The content codings that are read (RFC 9110, 12.5.3).",
  "retry-after": "After how many seconds to send the request again.",
  "www-authenticate": "How to authenticate.",
}

/** The problems by status; a status that the route also answers otherwise is left to it. */
const refusalsOf = (
  failures: ReadonlyArray<Failure["_tag"]>,
  { answers, refusalForms = {} }: Pick<Definition, "answers" | "refusalForms">,
  problems: Map<string, ProblemType>,
): Json => {
  const types = problemTypesOf([...new Set(failures)].sort())
  for (const type of types) problems.set(type.slug, type)
  const byStatus = [...Map.groupBy(types, ({ status }) => status)].sort(([a], [b]) => a - b)
  return Object.fromEntries(
    byStatus.flatMap(([status, [...some]]) =>
      status in answers ? [] : [[`${status}`, refusalOf(some, refusalForms[status])]],
    ),
  )
}

const refusalOf = (types: ReadonlyArray<ProblemType>, form?: RefusalForm): Json => {
  const names = [...new Set(types.flatMap(({ headers }) => Object.keys(headers)))].sort()
  const refs = types.map(({ slug }) => ({ $ref: `#/components/schemas/${nameOfProblem(slug)}` }))
  const headers = names.map((name) => {
    const isOnAll = types.every(({ headers }) => name in headers)
    const description = problemHeaders[name] ?? `As in RFC 9110.`
    return [name, headerOf({ description, ...(isOnAll ? {} : { optional: true }) })]
  })
  const all = { ...Object.fromEntries(headers), ...mapped(form?.headers ?? {}, headerOf) }
  const titles = `${[...new Set(types.map(({ title }) => title))].join("; ")}.`
  return {
    description: form === undefined ? titles : `${titles} ${form.description}`,
    ...(Object.keys(all).length === 0 ? {} : { headers: all }),
    content: {
      "application/problem+json": {
        schema: refs.length === 1 ? refs[0] : { oneOf: refs },
        examples: Object.fromEntries(
          types.map(({ slug }) => [slug, { $ref: `#/components/examples/${slug}` }]),
        ),
      },
      ...mapped(form?.mediaTypes ?? {}, textOf),
    },
  }
}

/** "InvalidBodyProblem" for `invalid-body`. */
const nameOfProblem = (slug: string): string =>
  `${slug
    .split("-")
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join("")}Problem`

/**
 * Schemas of a document, which are translated together at its end, so that all refer to the same components. Bodies that are
 * decoded without other members are closed, and so is everything in them.
 */
class Schemas {
  readonly #strict: boolean
  readonly #places: Array<{
    readonly schema: Schema.Top
    readonly closed: boolean
    readonly place: Record<string, unknown>
    readonly name: string | undefined
  }> = []

  constructor(strict: boolean) {
    this.#strict = strict
  }

  /** An object that {@link fill} makes the schema's translation. With a name, it is also a component. */
  add(schema: Schema.Top, closed: boolean, name?: string): Json {
    const place = {}
    this.#places.push({ schema, closed, place, name })
    return place
  }

  fill<D extends { readonly paths: Readonly<Record<string, Json>>; readonly components: Json }>(
    document: D,
  ): D & OpenApiDocument {
    const components: Record<string, unknown> = {}
    // What is closed comes last: a component that a request has as well is as the request has it.
    for (const closed of [false, true]) {
      const places = this.#places.filter((one) => one.closed === closed)
      const translated = componentsOf(
        places.map(({ schema }) => schema),
        closed || this.#strict,
      )
      Object.assign(components, translated.definitions)
      places.forEach(({ place, name }, index) => {
        if (name === undefined) Object.assign(place, translated.schemas[index])
        else components[name] = translated.schemas[index]
      })
    }
    const sorted = Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))
    return { ...document, components: { ...document.components, schemas: Object.fromEntries(sorted) } }
  }
}
