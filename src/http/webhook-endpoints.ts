/** `/webhook-endpoints`: the URLs to which a partner's events are delivered. */
import { Effect, Schema } from "effect"
import { TextWithin } from "../domain/code-points.ts"
import { access } from "../identity/access.ts"
import { PublicEventType } from "../publisher/public-event.ts"
import { type Endpoint, WebhookEndpoints } from "../webhooks/endpoints.ts"
import { InvalidBody, NotFound } from "./edge/failures.ts"
import { fieldProblem } from "./edge/field-problem.ts"
import { jsonBody } from "./routing/bodies.ts"
import { partner, partnerAct } from "./routing/guards.ts"
import { named, PlainWords } from "./routing/parameters.ts"
import { emptyReply, reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"
import { Instant } from "./routing/shapes.ts"

const { partner: scope } = access.manageWebhooks

const NewEndpoint = Schema.Struct({
  url: TextWithin(2_048).annotate({ description: "An https URL with a public host.", format: "iri" }),
  eventTypes: Schema.optionalKey(
    Schema.Array(PublicEventType)
      .check(Schema.isMinLength(1), Schema.isMaxLength(64))
      .annotate({ description: "All types by default." }),
  ),
}).annotate({ identifier: "NewWebhookEndpoint" })

const ShownEndpoint = Schema.Struct({
  id: Schema.String,
  url: Schema.String.annotate({ format: "iri" }),
  eventTypes: Schema.optional(Schema.Array(PublicEventType)),
  enabled: Schema.Boolean,
  createdAt: Instant,
}).annotate({ identifier: "WebhookEndpoint" })

const CreatedEndpoint = Schema.Struct({
  ...ShownEndpoint.fields,
  secret: Schema.String.annotate({
    description: "What signs the webhooks. It is shown here and never again.",
  }),
}).annotate({ identifier: "CreatedWebhookEndpoint" })

const EndpointList = Schema.Struct({ webhookEndpoints: Schema.Array(ShownEndpoint) }).annotate({
  identifier: "WebhookEndpointList",
})

const id = "we_0123456789abcdef0123456789abcdef"
const asked = {
  url: "https://marketplace.example/hooks",
  eventTypes: ["com.atlaspay.payout.settled.v1"],
} as const
const example = { id, ...asked, enabled: true, createdAt: "2027-01-02T03:04:05.678Z" }

export const createWebhookEndpoint = route({
  method: "POST",
  path: "/webhook-endpoints",
  operationId: "createWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Add a webhook endpoint",
  description: "Its secret is shown once. A partner may have 16 endpoints.",
  guard: partnerAct(scope),
  body: jsonBody(NewEndpoint, { kind: "endpoints", bytesMax: 64 * 1024, example: asked }),
  answers: {
    201: {
      description: "The endpoint and its secret.",
      schema: CreatedEndpoint,
      headers: {
        location: { description: "The address of the endpoint.", example: `/webhook-endpoints/${id}` },
        "cache-control": { description: "`no-store`: the answer has a secret.", example: "no-store" },
      },
      example: { ...example, secret: "whsec_…" },
    },
  },
  failures: ["InvalidBody", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, body }) {
    const asked = yield* body
    const { endpoint, secret } = yield* (yield* WebhookEndpoints)
      .create({ partner, ...asked }, { who, address })
      .pipe(Effect.catchTag("EndpointRefused", ({ field, reason }) => refused(field, reason)))
    const headers = { location: `/webhook-endpoints/${endpoint.id}`, "cache-control": "no-store" }
    return reply(201, { ...shown(endpoint), secret }, headers)
  }),
)

export const listWebhookEndpoints = route({
  method: "GET",
  path: "/webhook-endpoints",
  operationId: "listWebhookEndpoints",
  tag: "Webhook endpoints",
  summary: "List webhook endpoints",
  description: "All endpoints of the partner, the oldest first.",
  guard: partner(scope),
  answers: {
    200: { description: "The endpoints.", schema: EndpointList, example: { webhookEndpoints: [example] } },
  },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner }) {
    const endpoints = yield* (yield* WebhookEndpoints).list(partner)
    return reply(200, { webhookEndpoints: endpoints.map(shown) })
  }),
)

export const removeWebhookEndpoint = route({
  method: "DELETE",
  path: "/webhook-endpoints/:id",
  operationId: "removeWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Remove a webhook endpoint",
  description: "Removes the endpoint and its pending deliveries.",
  guard: partnerAct(scope),
  parameters: {
    id: named(PlainWords, { description: "The endpoint.", example: id, what: "webhook endpoint" }),
  },
  answers: { 204: { description: "The endpoint was removed." } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters }) {
    yield* (yield* WebhookEndpoints)
      .remove(partner, parameters.id, { who, address })
      .pipe(Effect.catchTag("NoSuchEndpoint", () => new NotFound({ what: "webhook endpoint" })))
    return emptyReply(204)
  }),
)

/** The routes of this file. */
export const webhookEndpointRoutes = [createWebhookEndpoint, listWebhookEndpoints, removeWebhookEndpoint]

const refused = (field: string, reason: string): InvalidBody =>
  new InvalidBody({ problems: [fieldProblem([field], reason)] })

const shown = ({ id, url, eventTypes, enabled, createdAt }: Endpoint) => ({
  id,
  url,
  eventTypes,
  enabled,
  createdAt: createdAt.toISOString(),
})
