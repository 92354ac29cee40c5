/** `/`, `/openapi.json`, `/asyncapi.json`, `/events/…` and `/docs`: what describes the API and its events. */
import { Context, Effect, Schema } from "effect"
import { NotFound } from "../edge/failures.ts"
import { open } from "../routing/guards.ts"
import type { PathParameter } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { STYLE_SOURCE } from "./page.ts"

/** The documents as JSON text, those of events by the event's name; the OpenAPI document also as a page in HTML. */
export class ApiDocument extends Context.Service<
  ApiDocument,
  {
    readonly json: string
    readonly page: string
    readonly asyncApi: string
    readonly events: ReadonlyMap<string, string>
  }
>()("atlaspay/http/ApiDocument") {}

const shown = (json: string): Response =>
  new Response(json, { headers: { "content-type": "application/json" } })

export const showOpenApi = route({
  method: "GET",
  path: "/openapi.json",
  operationId: "showOpenApi",
  tag: "Documentation",
  summary: "Show this document",
  description: "The OpenAPI 3.1 document of all routes.",
  guard: open,
  answers: {
    200: {
      description: "The document.",
      schema: Schema.Struct({
        openapi: Schema.String,
        info: Schema.Unknown,
        servers: Schema.Unknown,
        tags: Schema.Unknown,
        paths: Schema.Unknown,
        components: Schema.Unknown,
      }).annotate({
        identifier: "OpenApiDocument",
      }),
    },
  },
  failures: [],
}).handledBy(() => Effect.map(ApiDocument, ({ json }) => shown(json)))

export const showAsyncApi = route({
  method: "GET",
  path: "/asyncapi.json",
  operationId: "showAsyncApi",
  tag: "Documentation",
  summary: "Show the document of the events",
  description: "The AsyncAPI 3.0 document of all events, on NATS and as webhooks.",
  guard: open,
  answers: {
    200: {
      description: "The document.",
      schema: Schema.Struct({
        asyncapi: Schema.String,
        id: Schema.String,
        info: Schema.Unknown,
        defaultContentType: Schema.String,
        servers: Schema.Unknown,
        channels: Schema.Unknown,
        operations: Schema.Unknown,
        components: Schema.Unknown,
      }).annotate({ identifier: "AsyncApiDocument" }),
    },
  },
  failures: [],
}).handledBy(() => Effect.map(ApiDocument, ({ asyncApi }) => shown(asyncApi)))

const SUFFIX = ".json"

const ofEvent: PathParameter<string> = {
  schema: Schema.String,
  description: "The name of the event, with `.json` at its end.",
  example: "PayoutSettled.json",
  what: "event",
  read: (file) => (file.endsWith(SUFFIX) ? file.slice(0, -SUFFIX.length) : undefined),
}

export const showEventSchema = route({
  method: "GET",
  path: "/events/:file",
  operationId: "showEventSchema",
  tag: "Documentation",
  summary: "Show the schema of an event",
  description: "The JSON Schema (2020-12) of an event, by its name: `/events/PayoutSettled.json`.",
  guard: open,
  parameters: { file: ofEvent },
  answers: {
    200: {
      description: "The schema.",
      schema: Schema.Record(Schema.String, Schema.Unknown).annotate({ identifier: "EventSchema" }),
    },
  },
  failures: [],
}).handledBy(
  Effect.fnUntraced(function* ({ parameters }) {
    const { events } = yield* ApiDocument
    const schema = events.get(parameters.file)
    return schema === undefined ? yield* new NotFound({ what: "event" }) : shown(schema)
  }),
)

const Index = Schema.Struct({
  service: Schema.Literal("atlaspay"),
  documentation: Schema.String,
  events: Schema.String,
  page: Schema.String,
  payoutBatches: Schema.String,
  payoutItems: Schema.String,
  webhookEndpoints: Schema.String,
}).annotate({ identifier: "Index" })

const index = {
  service: "atlaspay",
  documentation: "/openapi.json",
  events: "/asyncapi.json",
  page: "/docs",
  payoutBatches: "/payout-batches",
  payoutItems: "/payout-items",
  webhookEndpoints: "/webhook-endpoints",
} as const

export const showIndex = route({
  method: "GET",
  path: "/",
  operationId: "showIndex",
  tag: "Documentation",
  summary: "Show links to the API",
  description: "Where to begin.",
  guard: open,
  answers: { 200: { description: "The index.", schema: Index, example: index } },
  failures: [],
}).handledBy(() => Effect.succeed(reply(200, index)))

/** Nothing from elsewhere and no scripts, in no frame; the only style is the page's own. */
const policy = `default-src 'none'; style-src '${STYLE_SOURCE}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
}

export const showDocs = route({
  method: "GET",
  path: "/docs",
  operationId: "showDocs",
  tag: "Documentation",
  summary: "Show this document as a page",
  description: "The same for people. The page loads nothing and runs no scripts.",
  guard: open,
  answers: {
    200: {
      description: "The page.",
      schema: Schema.String,
      mediaType: "text/html",
      headers: {
        "content-security-policy": { description: "The page loads nothing." },
        "x-content-type-options": { description: "`nosniff`.", example: "nosniff" },
        "referrer-policy": { description: "`no-referrer`.", example: "no-referrer" },
      },
    },
  },
  failures: [],
}).handledBy(() => Effect.map(ApiDocument, ({ page }) => reply(200, page, headers)))

/** The routes of this file. */
export const documentationRoutes = [showIndex, showOpenApi, showAsyncApi, showEventSchema, showDocs]
