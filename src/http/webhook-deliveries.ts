/** `/webhook-deliveries` and the routes of an endpoint's deliveries: what became of them, and how they are sent again. */
import { Effect, Schema } from "effect"
import { instantOf } from "../domain/written-time.ts"
import { access } from "../identity/access.ts"
import { InvalidCursor } from "../projections/batch-queries.ts"
import {
  DELIVERIES_PER_PAGE_MAX,
  DeliveryLog,
  deliveryStates,
  type EndedAttempt,
  type ListedDelivery,
  REDRIVEN_AT_ONCE_MAX,
} from "../webhooks/delivery-log.ts"
import { NotFound } from "./edge/failures.ts"
import { DAY_MS, pageOf, time } from "./payout-batches/list-filters.ts"
import { InstantText } from "./payout-batches/payout-batch-request.ts"
import { jsonBody } from "./routing/bodies.ts"
import { partner, partnerAct } from "./routing/guards.ts"
import { flag, named, oneOf, PlainWords, text } from "./routing/parameters.ts"
import { reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"
import { Instant, Next } from "./routing/shapes.ts"

const { partner: scope } = access.manageWebhooks

const State = Schema.Literals(deliveryStates).annotate({
  identifier: "WebhookDeliveryState",
  description: "`dead`: given up after the last attempt.",
})

const outcome = {
  at: Instant,
  durationMs: Schema.optional(Schema.Int),
  status: Schema.optional(
    Schema.Int.annotate({ description: "The HTTP status of the answer, if there was one." }),
  ),
  error: Schema.optional(Schema.String.annotate({ description: "Why the attempt failed." })),
}

const ShownDelivery = Schema.Struct({
  id: Schema.String.annotate({
    description: "Its name in the paths of its endpoint: the id of the event, with dots in place of colons.",
  }),
  endpoint: Schema.String,
  event: Schema.String.annotate({ description: "The id of the event, which is also the `webhook-id`." }),
  eventType: Schema.String,
  batchId: Schema.optional(Schema.String),
  sequence: Schema.optional(Schema.Int.annotate({ description: "The place of the event in its batch." })),
  state: State,
  attempts: Schema.Int.annotate({ description: "Attempts that ended." }),
  createdAt: Instant,
  nextAttemptAt: Schema.optional(
    Instant.annotate({
      description: "When it is attempted next, or counts as lost if an attempt is under way.",
    }),
  ),
  lastAttempt: Schema.optional(Schema.Struct(outcome)),
}).annotate({ identifier: "WebhookDelivery" })

const DeliveryPage = Schema.Struct({ webhookDeliveries: Schema.Array(ShownDelivery), next: Next }).annotate({
  identifier: "WebhookDeliveryPage",
})

const Attempt = Schema.Struct({
  number: Schema.Int,
  ...outcome,
  answer: Schema.optional(
    Schema.String.annotate({
      description: "The first KiB of the answer. What looks like an account number or a secret is masked.",
    }),
  ),
}).annotate({ identifier: "WebhookAttempt" })

const DeliveryDetail = Schema.Struct({
  ...ShownDelivery.fields,
  ended: Schema.Array(Attempt).annotate({ description: "The last 100 attempts, the oldest first." }),
  body: Schema.optional(Schema.String.annotate({ description: "The event as it is sent, byte for byte." })),
}).annotate({ identifier: "WebhookDeliveryDetail" })

const Resent = Schema.Struct({
  endpoint: Schema.String,
  event: Schema.String,
  stateBefore: State,
}).annotate({ identifier: "ResentWebhook" })

const Redrive = Schema.Struct({
  since: Schema.optionalKey(InstantText),
  until: Schema.optionalKey(InstantText),
}).annotate({ identifier: "WebhookRedrive" })

const Redriven = Schema.Struct({
  resent: Schema.Int.annotate({ description: "How many deliveries are sent again." }),
  isComplete: Schema.Boolean.annotate({
    description: `Whether these are all: one request sends ${REDRIVEN_AT_ONCE_MAX} again at most. If not, send it again.`,
  }),
}).annotate({ identifier: "RedrivenWebhooks" })

const endpointId = "we_0123456789abcdef0123456789abcdef"
const batchId = "pb_7qfdkz5nhm2rj3wtxay4ebgc6u"
const at = "2027-01-02T03:04:05.678Z"

const lastAttempt = { at, durationMs: 43, status: 503, error: "HTTP 503" }
const example = {
  id: `${batchId}.41`,
  endpoint: endpointId,
  event: `${batchId}:41`,
  eventType: "com.atlaspay.payout.settled.v1",
  batchId,
  sequence: 9,
  state: "dead",
  attempts: 11,
  createdAt: at,
  lastAttempt,
} as const

/** The endpoint in a path. */
export const endpointInPath = {
  id: named(PlainWords, { description: "The endpoint.", example: endpointId, what: "webhook endpoint" }),
}

const deliveryInPath = {
  ...endpointInPath,
  event: named(PlainWords, {
    description: "The id of the event, with dots in place of colons.",
    example: `${batchId}.41`,
    what: "webhook delivery",
  }),
}

const words = (description: string) => text(PlainWords, { description, expected: "1 to 256 characters" })

export const listWebhookDeliveries = route({
  method: "GET",
  path: "/webhook-deliveries",
  operationId: "listWebhookDeliveries",
  tag: "Webhook endpoints",
  summary: "List webhook deliveries",
  description:
    "The newest first; with `batch`, by the sequence of their events, the last first. With filters, a page may have fewer deliveries " +
    "than its limit, or none, before the end.",
  guard: partner(scope),
  query: {
    ...pageOf(DELIVERIES_PER_PAGE_MAX),
    endpoint: words("Only those to this endpoint."),
    state: oneOf(Schema.Literals(deliveryStates), { description: "Only those in this state." }),
    eventType: words("Only those of events of this type."),
    batch: words("Only those of events of this batch."),
    since: time("Only those that were stored at this time or later; a day is one of UTC.", 0),
    until: time("Only those that were stored before this time; a day is included.", DAY_MS),
  },
  answers: {
    200: {
      description: "One page.",
      schema: DeliveryPage,
      example: { webhookDeliveries: [example], next: null },
    },
  },
  failures: ["InvalidCursor", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, query: { limit, cursor, ...filter } }) {
    const { deliveries, next } = yield* (yield* DeliveryLog)
      .list(partner, filter, { limit, cursor })
      .pipe(Effect.catchTag("InvalidDeliveriesCursor", () => new InvalidCursor()))
    return reply(200, { webhookDeliveries: deliveries.map(shown), next: next ?? null })
  }),
)

export const showWebhookDelivery = route({
  method: "GET",
  path: "/webhook-endpoints/:id/deliveries/:event",
  operationId: "showWebhookDelivery",
  tag: "Webhook endpoints",
  summary: "Show a webhook delivery",
  description: "With its attempts, and the beginning of each answer.",
  guard: partner(scope),
  parameters: deliveryInPath,
  query: { body: flag({ description: "Whether to show the event, too." }) },
  answers: {
    200: {
      description: "The delivery.",
      schema: DeliveryDetail,
      example: { ...example, ended: [{ number: 11, ...lastAttempt, answer: "try later" }] },
    },
  },
  failures: ["NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters: { id: endpoint, event: inPath }, query }) {
    const event = eventOf(inPath)
    const { body, ended, ...delivery } = yield* (yield* DeliveryLog)
      .show(partner, { endpoint, event })
      .pipe(Effect.catchTag("NoSuchDelivery", () => noSuchDelivery))
    return reply(200, {
      ...shown(delivery),
      ended: ended.map(shownAttempt),
      body: query.body ? body : undefined,
    })
  }),
)

export const resendWebhook = route({
  method: "POST",
  path: "/webhook-endpoints/:id/deliveries/:event/resend",
  operationId: "resendWebhook",
  tag: "Webhook endpoints",
  summary: "Send a webhook again",
  description:
    "In any state, under the same `webhook-id`. A delivery that was delivered or given up begins its schedule anew; a pending one is " +
    "attempted now. If an attempt is under way at that moment, the endpoint may get both.",
  guard: partnerAct(scope),
  parameters: deliveryInPath,
  answers: {
    202: {
      description: "It is sent again.",
      schema: Resent,
      example: { endpoint: endpointId, event: `${batchId}:41`, stateBefore: "dead" },
    },
  },
  failures: ["EndpointDisabled", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters }) {
    const { endpoint, event } = { endpoint: parameters.id, event: eventOf(parameters.event) }
    const { stateBefore } = yield* (yield* DeliveryLog)
      .resend(partner, { endpoint, event }, { who, address })
      .pipe(Effect.catchTag("NoSuchDelivery", () => noSuchDelivery))
    return reply(202, { endpoint, event, stateBefore })
  }),
)

export const redriveWebhooks = route({
  method: "POST",
  path: "/webhook-endpoints/:id/redrive",
  operationId: "redriveWebhooks",
  tag: "Webhook endpoints",
  summary: "Send what was given up again",
  description:
    "Sends the dead deliveries of an endpoint again, the oldest first: all, or those that were stored in a time. Their schedules begin " +
    "anew. Asking again sends none twice.",
  guard: partnerAct(scope),
  parameters: endpointInPath,
  body: jsonBody(Redrive, {
    kind: "endpoints",
    bytesMax: 1_024,
    example: { since: "2027-01-01T00:00:00Z" },
  }),
  answers: {
    202: {
      description: "They are sent again.",
      schema: Redriven,
      example: { resent: 17, isComplete: true },
    },
  },
  failures: ["EndpointDisabled", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters: { id }, body }) {
    const { since, until } = yield* body
    const redriven = yield* (yield* DeliveryLog)
      .redrive(partner, id, { since: written(since), until: written(until) }, { who, address })
      .pipe(Effect.catchTag("NoSuchDelivery", () => new NotFound({ what: "webhook endpoint" })))
    return reply(202, redriven)
  }),
)

/** The routes of this file. */
export const webhookDeliveryRoutes = [
  listWebhookDeliveries,
  showWebhookDelivery,
  resendWebhook,
  redriveWebhooks,
]

/** Paths have no colons, and ids of events no dots. */
const eventOf = (inPath: string): string => inPath.replaceAll(".", ":")

const noSuchDelivery = new NotFound({ what: "webhook delivery" })

/** A time of a body, in epoch milliseconds. */
const written = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : instantOf(time)

const shown = ({ batch, createdAt, nextAttemptAt, lastAttempt, ...delivery }: ListedDelivery) => ({
  ...delivery,
  id: delivery.event.replaceAll(":", "."),
  batchId: batch,
  createdAt: createdAt.toISOString(),
  nextAttemptAt: nextAttemptAt?.toISOString(),
  lastAttempt: lastAttempt === undefined ? undefined : { ...lastAttempt, at: lastAttempt.at.toISOString() },
})

const shownAttempt = ({ at, ...attempt }: EndedAttempt) => ({ ...attempt, at: at.toISOString() })
