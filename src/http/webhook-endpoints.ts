/** `/webhook-endpoints`: the URLs to which a partner's events are delivered. */

import { Effect, Schema } from "effect"
import { TextWithin } from "../domain/code-points.ts"
import { AcceptedText } from "../domain/outside-text.ts"
import { access } from "../identity/access.ts"
import { SubscribableType } from "../publisher/endpoint-event.ts"
import { publicKeysPath } from "../webhooks/endpoint-secrets.ts"
import { type Endpoint, endpointStates, WebhookEndpoints } from "../webhooks/endpoints.ts"
import { InvalidBody, NotFound, TooManyRequests } from "./edge/failures.ts"
import { fieldProblem } from "./edge/field-problem.ts"
import { jsonBody } from "./routing/bodies.ts"
import { partner, partnerAct } from "./routing/guards.ts"
import { named, type Parameter, PlainWords } from "./routing/parameters.ts"
import { emptyReply, reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"
import { Instant } from "./routing/shapes.ts"

const { partner: scope } = access.manageWebhooks

const Url = TextWithin(2_048).annotate({
  description: "An https URL with a public host. No other endpoint of the partner has it.",
  format: "iri",
})
const EventTypes = Schema.Array(SubscribableType).check(Schema.isMinLength(1), Schema.isMaxLength(64))
const Description = AcceptedText(280).annotate({ description: "For people. No account number." })
const RateLimit = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })).annotate({
  description: "The most attempts that begin in a second.",
})
const Ordered = Schema.Boolean.annotate({
  description: "Whether the events of a batch are delivered strictly in order.",
})

const NewEndpoint = Schema.Struct({
  url: Url,
  eventTypes: Schema.optionalKey(EventTypes.annotate({ description: "All types by default." })),
  description: Schema.optionalKey(Description),
  rateLimit: Schema.optionalKey(RateLimit),
  ordered: Schema.optionalKey(Ordered),
}).annotate({ identifier: "NewWebhookEndpoint" })

const Changes = Schema.Struct({
  url: Schema.optionalKey(Url),
  eventTypes: Schema.optionalKey(
    Schema.NullOr(EventTypes).annotate({ description: "`null` for all types." }),
  ),
  description: Schema.optionalKey(Schema.NullOr(Description).annotate({ description: "`null` for none." })),
  rateLimit: Schema.optionalKey(Schema.NullOr(RateLimit).annotate({ description: "`null` for none." })),
  ordered: Schema.optionalKey(Ordered),
}).annotate({ identifier: "WebhookEndpointChanges" })

const ShownEndpoint = Schema.Struct({
  id: Schema.String,
  url: Schema.String.annotate({ format: "iri" }),
  eventTypes: Schema.optional(Schema.Array(SubscribableType)),
  description: Schema.optional(Schema.String),
  rateLimit: Schema.optional(Schema.Int),
  ordered: Schema.Boolean,
  enabled: Schema.Boolean.annotate({ description: "Whether it is not disabled." }),
  state: Schema.Literals(endpointStates).annotate({
    description:
      "`active`: it is notified. `paused`: its deliveries are stored and wait. `disabled`: nothing is stored for it.",
  }),
  reason: Schema.optional(
    Schema.String.annotate({
      description:
        "Why it is disabled: `gone` (it answered 410), `failing` (nothing arrived), `operator`, or `removed` (its removal was cut off: send it again).",
    }),
  ),
  since: Instant.annotate({ description: "Since when it has its state." }),
  failingSince: Schema.optional(
    Instant.annotate({ description: "The first failure after the last delivery that arrived." }),
  ),
  missed: Schema.optional(
    Schema.Struct({ from: Instant, until: Instant }).annotate({
      description: "The last time for which it was disabled. Events of that time were not stored for it.",
    }),
  ),
  createdAt: Instant,
  publicKeysAt: Schema.optional(
    Schema.String.annotate({
      description:
        "Where everybody can read its public keys, if its webhooks have asymmetric signatures (`v1a`).",
    }),
  ),
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

const TestSent = Schema.Struct({
  event: Schema.String.annotate({ description: "The id of the event, which names its delivery, too." }),
}).annotate({ identifier: "WebhookTestSent" })

const id = "we_0123456789abcdef0123456789abcdef"
const asked = {
  url: "https://marketplace.example/hooks",
  eventTypes: ["com.atlaspay.payout.settled.v1"],
} as const
const at = "2027-01-02T03:04:05.678Z"
const example = {
  id,
  ...asked,
  ordered: false,
  enabled: true,
  state: "active",
  since: at,
  createdAt: at,
} as const

const endpointInPath = {
  id: named(PlainWords, { description: "The endpoint.", example: id, what: "webhook endpoint" }),
}

const etagHeader = {
  etag: { description: "The version of the endpoint's settings and state, for If-Match.", example: '"3"' },
}

const one = { description: "The endpoint.", schema: ShownEndpoint, headers: etagHeader, example }

const versionPattern = /^"([1-9][0-9]{0,8})"$/

/** The version that a change is meant for: any, unless the header names one. */
const ifMatch: { readonly "if-match": Parameter<number | undefined> } = {
  "if-match": {
    schema: Schema.String.check(Schema.isPattern(/^("[1-9][0-9]*"|\*)$/)),
    required: false,
    description:
      "The ETag of the endpoint as you have looked at it; then nothing is done if it was changed since.",
    example: '"3"',
    read: (text) => {
      if (text === undefined || text.trim() === "*") return { value: undefined }
      const [, digits] = versionPattern.exec(text.trim()) ?? []
      return digits === undefined ? { expected: "the ETag of the endpoint" } : { value: Number(digits) }
    },
  },
}

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
        ...etagHeader,
        "cache-control": { description: "`no-store`: the answer has a secret.", example: "no-store" },
      },
      example: { ...example, secret: "whsec_…" },
    },
  },
  failures: ["EndpointExists", "InvalidBody", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, body }) {
    const asked = yield* body
    const { endpoint, secret } = yield* (yield* WebhookEndpoints)
      .create({ partner, ...asked }, { who, address })
      .pipe(Effect.catchTag("EndpointRefused", ({ field, reason }) => refused(field, reason)))
    const location = `/webhook-endpoints/${endpoint.id}`
    const headers = { location, "cache-control": "no-store", ...etagOf(endpoint) }
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

export const showWebhookEndpoint = route({
  method: "GET",
  path: "/webhook-endpoints/:id",
  operationId: "showWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Show a webhook endpoint",
  description: "Its settings, its state, and since when nothing has arrived, if so.",
  guard: partner(scope),
  parameters: endpointInPath,
  answers: { 200: one },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters }) {
    const endpoint = yield* (yield* WebhookEndpoints)
      .find(partner, parameters.id)
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return reply(200, shown(endpoint), etagOf(endpoint))
  }),
)

export const changeWebhookEndpoint = route({
  method: "PATCH",
  path: "/webhook-endpoints/:id",
  operationId: "changeWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Change a webhook endpoint",
  description:
    "What the body does not have stays. With another URL the secret stays, and pending deliveries go there; an attempt that is under way still goes to the URL of before.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  headers: ifMatch,
  body: jsonBody(Changes, {
    kind: "endpoints",
    bytesMax: 64 * 1024,
    example: { eventTypes: null, description: "bookkeeping" },
  }),
  answers: { 200: one },
  failures: ["EndpointChanged", "EndpointExists", "InvalidBody", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters, headers, body }) {
    const changes = yield* body
    const endpoint = yield* (yield* WebhookEndpoints)
      .update(partner, parameters.id, changes, { by: { who, address }, version: headers["if-match"] })
      .pipe(
        Effect.catchTag("EndpointRefused", ({ field, reason }) => refused(field, reason)),
        Effect.catchTag("NoSuchEndpoint", noSuchEndpoint),
      )
    return reply(200, shown(endpoint), etagOf(endpoint))
  }),
)

export const pauseWebhookEndpoint = route({
  method: "POST",
  path: "/webhook-endpoints/:id/pause",
  operationId: "pauseWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Pause a webhook endpoint",
  description:
    "Nothing is sent until it is resumed; its deliveries are stored and wait. An attempt that is under way may still arrive.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  headers: ifMatch,
  answers: { 200: { ...one, example: { ...example, state: "paused" } } },
  failures: ["EndpointChanged", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters, headers }) {
    const endpoint = yield* (yield* WebhookEndpoints)
      .setState(partner, parameters.id, "paused", { by: { who, address }, version: headers["if-match"] })
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return reply(200, shown(endpoint), etagOf(endpoint))
  }),
)

export const resumeWebhookEndpoint = route({
  method: "POST",
  path: "/webhook-endpoints/:id/resume",
  operationId: "resumeWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Resume a webhook endpoint",
  description:
    "Sends what waits. One that was disabled is notified again from now on; `missed` says which time it missed.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  headers: ifMatch,
  answers: { 200: one },
  failures: ["EndpointChanged", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters, headers }) {
    const endpoint = yield* (yield* WebhookEndpoints)
      .setState(partner, parameters.id, "active", { by: { who, address }, version: headers["if-match"] })
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return reply(200, shown(endpoint), etagOf(endpoint))
  }),
)

export const testWebhookEndpoint = route({
  method: "POST",
  path: "/webhook-endpoints/:id/test",
  operationId: "testWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Send a test event to a webhook endpoint",
  description:
    "A signed event of the type `com.atlaspay.webhook-endpoint.test.v1` goes to this endpoint only, also while it is paused or disabled. One is sent every five seconds at most.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  answers: {
    202: {
      description: "The event is going to be sent.",
      schema: TestSent,
      example: { event: `${id}:test:0123456789abcdef` },
    },
  },
  failures: ["StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters }) {
    const sent = yield* (yield* WebhookEndpoints).test(partner, parameters.id, { who, address }).pipe(
      Effect.catchTag("NoSuchEndpoint", noSuchEndpoint),
      Effect.catchTag(
        "TestedTooOften",
        ({ retryAfterSeconds }) => new TooManyRequests({ what: "tests of this endpoint", retryAfterSeconds }),
      ),
    )
    return reply(202, sent)
  }),
)

export const removeWebhookEndpoint = route({
  method: "DELETE",
  path: "/webhook-endpoints/:id",
  operationId: "removeWebhookEndpoint",
  tag: "Webhook endpoints",
  summary: "Remove a webhook endpoint",
  description: "Removes the endpoint and all its deliveries. Without an answer, send it again: it goes on.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  answers: { 204: { description: "The endpoint was removed." } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters }) {
    yield* (yield* WebhookEndpoints)
      .remove(partner, parameters.id, { who, address })
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return emptyReply(204)
  }),
)

/** The routes of this file. */
export const webhookEndpointRoutes = [
  createWebhookEndpoint,
  listWebhookEndpoints,
  showWebhookEndpoint,
  changeWebhookEndpoint,
  pauseWebhookEndpoint,
  resumeWebhookEndpoint,
  testWebhookEndpoint,
  removeWebhookEndpoint,
]

const noSuchEndpoint = () => new NotFound({ what: "webhook endpoint" })

const refused = (field: string, reason: string): InvalidBody =>
  new InvalidBody({ problems: [fieldProblem([field], reason)] })

const etagOf = ({ version }: Endpoint) => ({ etag: `"${version}"` })

const shown = (endpoint: Endpoint) => {
  const { id, url, eventTypes, description, rateLimit, ordered, state, reason, missed } = endpoint
  return {
    id,
    url,
    eventTypes,
    description,
    rateLimit,
    ordered,
    enabled: state !== "disabled",
    state,
    reason,
    since: endpoint.since.toISOString(),
    failingSince: endpoint.failingSince?.toISOString(),
    missed: missed && { from: missed.from.toISOString(), until: missed.until.toISOString() },
    createdAt: endpoint.createdAt.toISOString(),
    publicKeysAt: endpoint.hasSigningKey ? publicKeysPath(id) : undefined,
  }
}
