/**
 * Discrepancies on JetStream. Each has a subject of its own, on which nothing may have been said before: so a run that
 * is repeated, after minutes or days, tells only what is new. What others have said there does not silence us: each
 * message carries our seal, and without it counts for nothing.
 */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream"
import { headers, nanos } from "@nats-io/transport-node"
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { ensureStream, Nats, natsStep } from "../platform/nats.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type MessageSeal, messageSeal } from "../vault/message-seal.ts"
import { allDiscrepancies, type DiscrepancyEvent, eventOf, streamOf } from "./discrepancy-event.ts"
import { DiscrepancyTeller, NotTold } from "./discrepancy-teller.ts"

const DAY_MS = 24 * 3_600_000
const RETENTION_MS = 400 * DAY_MS
/** The subjects see to it that nothing is told twice, for as long as the stream remembers. */
const DUPLICATE_WINDOW_MS = 1_000
const MESSAGE_BYTES_MAX = 64 * 1024
const ACKS_OUTSTANDING_MAX = 64
const ACK_MS_MAX = 5_000
const SEAL = "Atlaspay-Seal"
const PURPOSE = "atlaspay seal of discrepancies"

export const layer = Layer.effect(
  DiscrepancyTeller,
  Effect.gen(function* () {
    const { nats, redis, vault } = yield* AppConfig
    const { stream } = nats
    const { jetstream, manager } = yield* Nats
    const services: TellerServices = {
      jetstream,
      manager,
      streamName: streamOf(stream),
      prefix: redis.prefix,
      seal: messageSeal(vault.masterKeys, PURPOSE),
    }
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
            (discrepancy) => tellOnce(services, eventOf(stream, day, at, discrepancy)),
            { concurrency: ACKS_OUTSTANDING_MAX, discard: true },
          )
        },
        Effect.mapError(({ step, reason }: StoreUnavailable) => new NotTold({ step, reason })),
      ),
    })
  }),
)

interface TellerServices {
  readonly jetstream: JetStreamClient
  readonly manager: JetStreamManager
  readonly streamName: string
  readonly prefix: string
  readonly seal: MessageSeal
}

const tellOnce = (services: TellerServices, event: DiscrepancyEvent) =>
  natsStep("publish", async () => {
    if (await isFirst(services, event)) return
    if (await isTold(services, event.subject)) return
    await publish(services, event, {})
  })

/** Publishes on a subject that is still unused; false when it is not. */
const isFirst = async (services: TellerServices, event: DiscrepancyEvent): Promise<boolean> => {
  try {
    await publish(services, event, { lastSubjectSequence: 0 })
    return true
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence)
      return false
    throw error
  }
}

/** Whether the last word on a subject is one of ours: then an earlier run told it. */
const isTold = async (
  { manager, streamName, prefix, seal }: TellerServices,
  subject: string,
): Promise<boolean> => {
  const last = await manager.streams.getMessage(streamName, { last_by_subj: subject })
  const parts = [prefix, streamName, subject, last?.string() ?? ""]
  return seal.check(parts, last?.header?.get(SEAL) ?? "") === "genuine"
}

const publish = (
  { jetstream, streamName, prefix, seal }: TellerServices,
  { id, subject, body }: DiscrepancyEvent,
  expected: { readonly lastSubjectSequence?: 0 },
) => {
  const header = headers()
  header.set("content-type", "application/cloudevents+json")
  header.set(SEAL, seal.seal([prefix, streamName, subject, body]))
  // An id that others can foresee could be used before.
  const msgID = `${id}.${seal.seal(["id", prefix, streamName, id])}`
  return jetstream.publish(subject, body, {
    msgID,
    headers: header,
    expect: { streamName, ...expected },
    timeout: ACK_MS_MAX,
  })
}
