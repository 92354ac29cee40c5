/**
 * Takes events from JetStream and stores their deliveries. A message is acknowledged once its deliveries are stored, so
 * nothing is lost; a redelivered message changes nothing. Webhooks carry our signature, so only events that we published may
 * go out: a message without our valid seal is removed from the consumer and counted, and no endpoint gets it.
 */
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Clock, Effect, Queue, Result } from "effect"
import { AppConfig } from "../config.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { FadingCount } from "../platform/fading-count.ts"
import { Nats, natsStep } from "../platform/nats.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import {
  type EventMessages,
  eventMessages,
  type MessageRefusal,
  type PublishedEvent,
} from "../publisher/event-message.ts"
import { allEvents, ensureEventStream, isEndpointSubject } from "../publisher/event-stream.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { ClaimedAhead } from "./claimed-ahead.ts"
import { closingGaps } from "./closing-gaps.ts"
import { Deliveries } from "./deliveries.ts"
import { leaseMsOf, type WakeUps } from "./dispatcher.ts"
import { measureInbox } from "./inbox-lag.ts"

const CONSUMER = "webhooks"
const ACK_WAIT_MS = 10_000
const ACKS_PENDING_MAX = 1_000
const MESSAGES_BUFFERED_MAX = 256
const GROUP_MAX = 256
/** How long the first message of a group waits for more. */
const GROUP_MS = 5
/**
 * And how much longer while so many came within the last second or so: to store a group costs the database as much as 30 of its
 * messages. Lone payouts, one after the other, come to some 120.
 */
const GROUP_BUSY_MS = 20
const BUSY_COUNT = 250
const BUSY_FADE_MS = 1_000
const RETRY_MS = 1_000

/** Runs until it is interrupted. Fails if NATS or the consumer is gone. */
export const runEventConsumer = Effect.fnUntraced(function* (wakeUps: WakeUps, ahead: ClaimedAhead) {
  const consumer = yield* ensureConsumer
  const settings = yield* AppConfig
  const ours = eventMessages(settings)
  const leaseMs = leaseMsOf(settings.webhooks.timeoutMs)
  const arrived: Array<JsMsg> = []
  const some = yield* Queue.sliding<void>(1)
  const callback = (message: JsMsg) => {
    keep(message, arrived)
    Queue.offerUnsafe(some, undefined)
  }
  const messages = yield* Effect.acquireRelease(
    natsStep("consume", () =>
      consumer.consume({ max_messages: MESSAGES_BUFFERED_MAX, abort_on_missing_resource: true, callback }),
    ),
    (messages) => Effect.promise(() => messages.close()),
  )
  const clock = yield* Clock.Clock
  const lately = new FadingCount(BUSY_FADE_MS)
  const receiving = Effect.gen(function* () {
    while (true) {
      yield* Queue.take(some)
      yield* Effect.sleep(GROUP_MS)
      while (arrived.length > 0) {
        const waitMs = lingerMs(lately.at(clock.currentTimeMillisUnsafe()), arrived.length)
        if (waitMs > 0) yield* Effect.sleep(waitMs)
        const group = arrived.splice(0, GROUP_MAX)
        lately.add(group.length, clock.currentTimeMillisUnsafe())
        yield* receive(ours, wakeUps, ahead, leaseMs, group)
      }
    }
  })
  yield* Effect.raceAllFirst([
    receiving,
    untilClosed(messages),
    measureInbox(consumer),
    closingGaps(consumer),
  ])
}, Effect.scoped)

/**
 * Keeps a message until its turn, if there is room, and otherwise gives it back for later, perhaps to another process. As many
 * wait as JetStream sends without an acknowledgement; it sends them again, and others, while a silent database holds them up.
 */
export const keep = <M extends Pick<JsMsg, "nak">>(message: M, waiting: Array<M>): void => {
  if (waiting.length < ACKS_PENDING_MAX) waiting.push(message)
  else message.nak(RETRY_MS)
}

/** How long a group of so many messages waits for more before it is stored, if so many came lately. Milliseconds. */
export const lingerMs = (lately: number, waiting: number): number =>
  lately >= BUSY_COUNT && waiting < GROUP_MAX ? GROUP_BUSY_MS : 0

/** Fails when the consumer ends. */
const untilClosed = Effect.fnUntraced(function* (messages: ConsumerMessages) {
  const error = yield* Effect.promise(() => messages.closed())
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : "the consumer ended"
  return yield* new StoreUnavailable({ store: "nats", step: "consume", reason })
})

/** The durable consumer that all processes share. Each message goes to one of them. */
const ensureConsumer: Effect.Effect<Consumer, StoreUnavailable, AppConfig | Nats> = Effect.gen(function* () {
  const { stream, limits } = (yield* AppConfig).nats
  const { manager, jetstream } = yield* Nats
  yield* ensureEventStream(manager, stream, limits)
  return yield* natsStep("create consumer", async () => {
    await manager.consumers.add(stream, {
      durable_name: CONSUMER,
      filter_subject: allEvents(stream),
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: ACKS_PENDING_MAX,
      max_deliver: -1,
    })
    return jetstream.consumers.get(stream, CONSUMER)
  })
})

const receive = Effect.fn("receiveEvents")(function* (
  ours: EventMessages,
  wakeUps: WakeUps,
  ahead: ClaimedAhead,
  leaseMs: number,
  messages: ReadonlyArray<JsMsg>,
) {
  const deliveries = yield* Deliveries
  const genuine: Array<JsMsg> = []
  const events: Array<PublishedEvent> = []
  const refused: Array<Refused> = []
  for (const message of messages) {
    const event = readOurs(ours, message)
    if (Result.isFailure(event)) {
      message.term()
      refused.push({ sequence: message.seq, reason: event.failure })
      continue
    }
    if (event.success === undefined) {
      message.ack()
      continue
    }
    genuine.push(message)
    events.push(event.success)
  }
  if (refused.length > 0) yield* report(refused)
  if (events.length === 0) return
  const pass = yield* CrashPoints
  yield* pass("before-deliveries")
  const now = yield* Clock.currentTimeMillis
  const stored = yield* Effect.result(deliveries.record(events, { rooms: ahead.rooms(now), leaseMs }))
  if (Result.isFailure(stored)) {
    for (const message of genuine) message.nak(RETRY_MS)
    const { step, reason } = stored.failure
    return yield* Effect.logWarning("events not recorded, to be redelivered", { step, reason })
  }
  yield* pass("after-deliveries")
  for (const message of genuine) message.ack()
  yield* pass("after-ack")
  const { claimed, othersAreDue } = stored.success
  if (othersAreDue) Queue.offerUnsafe(wakeUps, undefined)
  if (ahead.onAdded !== undefined) return ahead.add(claimed, now)
  // The dispatcher has ended meanwhile.
  yield* deliveries
    .release(claimed)
    .pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("claimed webhooks not released", { step, reason }),
      ),
    )
})

/** `undefined` for an event about endpoints: its deliveries were stored with it, before it was published. */
const readOurs = (
  ours: EventMessages,
  message: JsMsg,
): Result.Result<PublishedEvent | undefined, MessageRefusal> =>
  isEndpointSubject(message.subject)
    ? Result.map(ours.readNotice(message), () => undefined)
    : ours.read(message)

interface Refused {
  /** The message's sequence in the stream. */
  readonly sequence: number
  readonly reason: MessageRefusal
}

/** Logs one line for a group, however many messages were refused. It quotes none of them: their text may be anybody's. */
const report = Effect.fnUntraced(function* (refused: ReadonlyArray<Refused>) {
  const { webhookMessagesRefused } = yield* Metrics
  for (const { reason } of refused) webhookMessagesRefused.inc({ reason })
  yield* Effect.logError("messages of the event stream refused", {
    count: refused.length,
    first: refused[0]?.sequence,
    reasons: [...new Set(refused.map(({ reason }) => reason))],
  })
})
