/**
 * Takes events from JetStream and stores what endpoints are to be told of them. A message is acknowledged once its
 * deliveries are stored, so nothing is lost; one that comes again changes nothing.
 */
import { AckPolicy, type Consumer, DeliverPolicy, type JsMsg } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Effect, Queue, Result, Stream } from "effect"
import { AppConfig } from "../config.ts"
import { Nats, NatsUnavailable, natsStep } from "../platform/nats.ts"
import { allEvents, ensureEventStream } from "../publisher/event-stream.ts"
import { decodePublicEvent } from "../publisher/public-event.ts"
import { Deliveries, type PublishedEvent } from "./deliveries.ts"
import type { WakeUps } from "./dispatcher.ts"

const CONSUMER = "webhooks"
const ACK_WAIT_MS = 10_000
const ACKS_PENDING_MAX = 1_000
const MESSAGES_BUFFERED_MAX = 256
const GROUP_MAX = 128
/** How long the first message of a group waits for company. */
const GROUP_MS = 5
const RETRY_MS = 1_000

/** Runs until it is interrupted, or fails when NATS or the consumer is gone. */
export const runInbox = Effect.fnUntraced(function* (wakeUps: WakeUps) {
  const consumer = yield* ensureConsumer
  const messages = yield* Effect.acquireRelease(
    natsStep("consume", () =>
      consumer.consume({ max_messages: MESSAGES_BUFFERED_MAX, abort_on_missing_resource: true }),
    ),
    (messages) => Effect.promise(() => messages.close()),
  )
  yield* Stream.fromAsyncIterable(messages, consumeFailed).pipe(
    Stream.groupedWithin(GROUP_MAX, GROUP_MS),
    Stream.runForEach((group) => receive(wakeUps, group)),
  )
  return yield* new NatsUnavailable({ step: "consume", reason: "the consumer ended" })
}, Effect.scoped)

/** The durable consumer, shared by all processes: each message goes to one of them. */
const ensureConsumer: Effect.Effect<Consumer, NatsUnavailable, AppConfig | Nats> = Effect.gen(function* () {
  const { stream } = (yield* AppConfig).nats
  const { manager, jetstream } = yield* Nats
  yield* ensureEventStream(manager, stream)
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

const receive = Effect.fn("receiveEvents")(function* (wakeUps: WakeUps, messages: ReadonlyArray<JsMsg>) {
  const deliveries = yield* Deliveries
  const readable: Array<JsMsg> = []
  const events: Array<PublishedEvent> = []
  for (const message of messages) {
    const body = message.string()
    const event = decodePublicEvent(body)
    if (Result.isFailure(event)) {
      message.term()
      yield* Effect.logError("event cannot be read", { subject: message.subject, sequence: message.seq })
      continue
    }
    readable.push(message)
    events.push({ event: event.success, body })
  }
  yield* deliveries.record(events).pipe(
    Effect.andThen(
      Effect.sync(() => {
        for (const message of readable) message.ack()
        Queue.offerUnsafe(wakeUps, undefined)
      }),
    ),
    Effect.catchTag("DeliveriesUnavailable", ({ step, reason }) => {
      for (const message of readable) message.nak(RETRY_MS)
      return Effect.logWarning("events not recorded, asked for again", { step, reason })
    }),
  )
})

const consumeFailed = (error: unknown): NatsUnavailable =>
  new NatsUnavailable({
    step: "consume",
    reason: error instanceof Error ? `${error.name}: ${error.message}` : "unknown",
  })
