/**
 * Discrepancies on JetStream. Each has a subject of its own, on which nothing may have been said before: so a run that
 * is repeated, after minutes or days, tells only what is new.
 */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream"
import { headers, nanos } from "@nats-io/transport-node"
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { ensureStream, Nats, type NatsUnavailable, natsStep } from "../platform/nats.ts"
import { allDiscrepancies, type DiscrepancyEvent, eventOf, streamOf } from "./discrepancy-event.ts"
import { DiscrepancyTeller, NotTold } from "./discrepancy-teller.ts"

const DAY_MS = 24 * 3_600_000
const RETENTION_MS = 400 * DAY_MS
/** The subjects see to it that nothing is told twice, for as long as the stream remembers. */
const DUPLICATE_WINDOW_MS = 1_000
const MESSAGE_BYTES_MAX = 64 * 1024
const ACKS_OUTSTANDING_MAX = 64
const ACK_MS_MAX = 5_000

export const layer = Layer.effect(
  DiscrepancyTeller,
  Effect.gen(function* () {
    const { stream } = (yield* AppConfig).nats
    const { jetstream, manager } = yield* Nats
    const ensureOwnStream = ensureStream(manager, {
      name: streamOf(stream),
      subjects: [allDiscrepancies(stream)],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: nanos(RETENTION_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      max_msg_size: MESSAGE_BYTES_MAX,
    })
    return DiscrepancyTeller.of({
      tell: Effect.fn("DiscrepancyTeller.tell")(
        function* ({ day, at, discrepancies }) {
          yield* ensureOwnStream
          yield* Effect.forEach(
            discrepancies,
            (discrepancy) => tellOnce(jetstream, streamOf(stream), eventOf(stream, day, at, discrepancy)),
            { concurrency: ACKS_OUTSTANDING_MAX, discard: true },
          )
        },
        Effect.mapError(({ step, reason }: NatsUnavailable) => new NotTold({ step, reason })),
      ),
    })
  }),
)

const tellOnce = (jetstream: JetStreamClient, streamName: string, { id, subject, body }: DiscrepancyEvent) =>
  natsStep("publish", async () => {
    const header = headers()
    header.set("content-type", "application/cloudevents+json")
    try {
      await jetstream.publish(subject, body, {
        msgID: id,
        headers: header,
        expect: { streamName, lastSubjectSequence: 0 },
        timeout: ACK_MS_MAX,
      })
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence)
        return // An earlier run told it.
      throw error
    }
  })
