/** `/webhook-endpoints/:id/replays`: events that are sent to an endpoint again from the logs of batches. */
import { Effect, Schema } from "effect"
import { instantOf } from "../domain/written-time.ts"
import { access } from "../identity/access.ts"
import {
  BATCHES_PER_REPLAY_MAX,
  EVENTS_PER_REPLAY_MAX,
  type Replay,
  Replays,
  replayStates,
  SEQUENCE_MAX,
} from "../webhooks/replays.ts"
import { InvalidBody, NotFound } from "./edge/failures.ts"
import { fieldProblem } from "./edge/field-problem.ts"
import { ownBatch } from "./payout-batches/batch-from-log.ts"
import { InstantText } from "./payout-batches/payout-batch-request.ts"
import { jsonBody } from "./routing/bodies.ts"
import { partner, partnerAct } from "./routing/guards.ts"
import { named, PlainWords } from "./routing/parameters.ts"
import { reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"
import { Instant } from "./routing/shapes.ts"
import { endpointInPath } from "./webhook-deliveries.ts"

const { partner: scope } = access.manageWebhooks

const Sequence = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: SEQUENCE_MAX }))

const NewReplay = Schema.Struct({
  batchId: Schema.optionalKey(
    Schema.String.annotate({ description: "The batch whose events to send again." }),
  ),
  fromSequence: Schema.optionalKey(
    Sequence.annotate({ description: "With `batchId`: from this event on; from the first by default." }),
  ),
  since: Schema.optionalKey(
    InstantText.annotate({
      description: "In place of `batchId`: events that happened at this time or later.",
    }),
  ),
  until: Schema.optionalKey(
    InstantText.annotate({
      description: "With `since`: events that happened before this time; now by default.",
    }),
  ),
}).annotate({ identifier: "NewWebhookReplay" })

const ShownReplay = Schema.Struct({
  id: Schema.String,
  endpoint: Schema.String,
  batchId: Schema.optional(Schema.String),
  fromSequence: Schema.optional(Schema.Int),
  since: Schema.optional(Instant),
  until: Schema.optional(Instant),
  state: Schema.Literals(replayStates).annotate({
    identifier: "WebhookReplayState",
    description: "`stopped`: it ended before all was sent, and `reason` says why.",
  }),
  reason: Schema.optional(Schema.String),
  batches: Schema.Int.annotate({ description: "Batches that were read to their end so far." }),
  events: Schema.Int.annotate({ description: "Events that are sent so far." }),
  createdAt: Instant,
  endedAt: Schema.optional(Instant),
}).annotate({ identifier: "WebhookReplay" })

const ReplayList = Schema.Struct({ webhookReplays: Schema.Array(ShownReplay) }).annotate({
  identifier: "WebhookReplayList",
})

const replayId = "wr_0123456789abcdef0123456789abcdef"
const asked = { batchId: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u", fromSequence: 9 }
const example = {
  id: replayId,
  endpoint: "we_0123456789abcdef0123456789abcdef",
  ...asked,
  state: "running",
  batches: 0,
  events: 0,
  createdAt: "2027-01-02T03:04:05.678Z",
} as const

export const startWebhookReplay = route({
  method: "POST",
  path: "/webhook-endpoints/:id/replays",
  operationId: "startWebhookReplay",
  tag: "Webhook endpoints",
  summary: "Replay events to an endpoint",
  description:
    "Sends events of the partner's batches to the endpoint from the batches' logs, under the ids that they always have: those that it was " +
    "sent before, and those that it was never sent. Only types that the endpoint is notified of. A replay sends " +
    `${EVENTS_PER_REPLAY_MAX} events and reads ${BATCHES_PER_REPLAY_MAX} batches at most; an endpoint has one at a time.`,
  guard: partnerAct(scope),
  parameters: endpointInPath,
  body: jsonBody(NewReplay, { kind: "endpoints", bytesMax: 1_024, example: asked }),
  answers: {
    202: { description: "The replay is under way.", schema: ShownReplay, example },
  },
  failures: [
    "CorruptEntry",
    "EndpointDisabled",
    "InvalidBody",
    "NotFound",
    "ReplayUnderWay",
    "StoreUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, credential: who, address, parameters: { id }, body }) {
    const { batchId, fromSequence, since, until } = yield* body
    const replays = yield* Replays
    const problem =
      batchId === undefined
        ? fromSequence !== undefined
          ? fieldProblem(["fromSequence"], "expected with batchId")
          : since === undefined
            ? fieldProblem(["since"], "expected batchId or since")
            : undefined
        : since !== undefined || until !== undefined
          ? fieldProblem([since === undefined ? "until" : "since"], "expected either batchId or a time")
          : undefined
    if (problem !== undefined) return yield* new InvalidBody({ problems: [problem] })
    const terms =
      batchId === undefined
        ? { since: timeOf(since) ?? 0, until: timeOf(until) }
        : { batch: yield* ownBatch(partner, batchId), fromSequence: fromSequence ?? 1 }
    const replay = yield* replays
      .start(partner, id, terms, { who, address })
      .pipe(Effect.catchTag("NoSuchEndpoint", () => noSuchEndpoint))
    return reply(202, shown(replay))
  }),
)

export const listWebhookReplays = route({
  method: "GET",
  path: "/webhook-endpoints/:id/replays",
  operationId: "listWebhookReplays",
  tag: "Webhook endpoints",
  summary: "List the replays of an endpoint",
  description: "The last hundred, the newest first.",
  guard: partner(scope),
  parameters: endpointInPath,
  answers: {
    200: { description: "The replays.", schema: ReplayList, example: { webhookReplays: [example] } },
  },
  failures: ["NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters: { id } }) {
    const replays = yield* (yield* Replays)
      .list(partner, id)
      .pipe(Effect.catchTag("NoSuchEndpoint", () => noSuchEndpoint))
    return reply(200, { webhookReplays: replays.map(shown) })
  }),
)

export const showWebhookReplay = route({
  method: "GET",
  path: "/webhook-endpoints/:id/replays/:replay",
  operationId: "showWebhookReplay",
  tag: "Webhook endpoints",
  summary: "Show a replay",
  description: "How far it has come.",
  guard: partner(scope),
  parameters: {
    ...endpointInPath,
    replay: named(PlainWords, { description: "The replay.", example: replayId, what: "webhook replay" }),
  },
  answers: { 200: { description: "The replay.", schema: ShownReplay, example } },
  failures: ["NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ partner, parameters: { id, replay } }) {
    const found = yield* (yield* Replays)
      .show(partner, id, replay)
      .pipe(Effect.catchTag("NoSuchReplay", () => new NotFound({ what: "webhook replay" })))
    return reply(200, shown(found))
  }),
)

/** The routes of this file. */
export const webhookReplayRoutes = [startWebhookReplay, listWebhookReplays, showWebhookReplay]

const noSuchEndpoint = new NotFound({ what: "webhook endpoint" })

const timeOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : instantOf(time)

const shown = ({ batch, since, until, createdAt, endedAt, ...replay }: Replay) => ({
  ...replay,
  batchId: batch,
  since: since?.toISOString(),
  until: until?.toISOString(),
  createdAt: createdAt.toISOString(),
  endedAt: endedAt?.toISOString(),
})
