/** `/`, `/openapi.json` and `/docs`: what describes the API. */
import { Context, Effect, Schema } from "effect"
import { open } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { STYLE_SOURCE } from "./page.ts"

/** The OpenAPI document of the API, as JSON text and as a page in HTML. */
export class ApiDocument extends Context.Service<
  ApiDocument,
  { readonly json: string; readonly page: string }
>()("atlaspay/http/ApiDocument") {}

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
}).handledBy(() =>
  Effect.map(
    ApiDocument,
    ({ json }) => new Response(json, { headers: { "content-type": "application/json" } }),
  ),
)

const Index = Schema.Struct({
  service: Schema.Literal("atlaspay"),
  documentation: Schema.String,
  page: Schema.String,
  payoutBatches: Schema.String,
  payoutItems: Schema.String,
  webhookEndpoints: Schema.String,
}).annotate({ identifier: "Index" })

const index = {
  service: "atlaspay",
  documentation: "/openapi.json",
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
export const documentationRoutes = [showIndex, showOpenApi, showDocs]
