/**
 * Publishes discrepancies on JetStream. Each has its own subject and is published only if the subject is unused, so a
 * repeated run, after minutes or days, publishes only what is new. A message of somebody else on the subject does not prevent
 * that: our messages carry our seal, and a message without it does not count.
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
import { DiscrepancyNotifier, NotPublished } from "./discrepancy-notifier.ts"

const DAY_MS = 24 * 3_600_000
const RETENTION_MS = 400 * DAY_MS
/** Short, because the subjects already prevent duplicates for as long as the stream keeps messages. */
const DUPLICATE_WINDOW_MS = 1_000
const MESSAGE_BYTES_MAX = 64 * 1024
const ACKS_OUTSTANDING_MAX = 64
const ACK_MS_MAX = 5_000
const SEAL = "Atlaspay-Seal"
const PURPOSE = "atlaspay seal of discrepancies"

/** The notifier on JetStream. It creates its stream when it first publishes. */
export const layer = Layer.effect(
  DiscrepancyNotifier,
  Effect.gen(function* () {
    const { nats, redis, vault } = yield* AppConfig
    const { stream } = nats
    const { jetstream, manager } = yield* Nats
    const services: NotifierServices = {
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
    return DiscrepancyNotifier.of({
      notify: Effect.fn("DiscrepancyNotifier.notify")(
        function* ({ day, at, discrepancies }) {
          yield* ensureOwnStream
          yield* Effect.forEach(
            discrepancies,
            (discrepancy) => publishOnce(services, eventOf(stream, day, at, discrepancy)),
            { concurrency: ACKS_OUTSTANDING_MAX, discard: true },
          )
        },
        Effect.mapError(({ step, reason }: StoreUnavailable) => new NotPublished({ step, reason })),
      ),
    })
  }),
)

interface NotifierServices {
  readonly jetstream: JetStreamClient
  readonly manager: JetStreamManager
  readonly streamName: string
  readonly prefix: string
  readonly seal: MessageSeal
}

const publishOnce = (services: NotifierServices, event: DiscrepancyEvent) =>
  natsStep("publish", async () => {
    if (await isFirst(services, event)) return
    if (await isPublished(services, event.subject)) return
    await publish(services, event, {})
  })

/** Publishes if the subject is unused. Returns false if it is not. */
const isFirst = async (services: NotifierServices, event: DiscrepancyEvent): Promise<boolean> => {
  try {
    await publish(services, event, { lastSubjectSequence: 0 })
    return true
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence)
      return false
    throw error
  }
}

/** Whether the last message on a subject carries our seal: then an earlier run published it. */
const isPublished = async (
  { manager, streamName, prefix, seal }: NotifierServices,
  subject: string,
): Promise<boolean> => {
  const last = await manager.streams.getMessage(streamName, { last_by_subj: subject })
  const parts = [prefix, streamName, subject, last?.string() ?? ""]
  return seal.check(parts, last?.header?.get(SEAL) ?? "") === "genuine"
}

const publish = (
  { jetstream, streamName, prefix, seal }: NotifierServices,
  { id, subject, body }: DiscrepancyEvent,
  expected: { readonly lastSubjectSequence?: 0 },
) => {
  const header = headers()
  header.set("content-type", "application/cloudevents+json")
  header.set(SEAL, seal.seal([prefix, streamName, subject, body]))
  // Others must not be able to guess the id and publish under it first.
  const msgID = `${id}.${seal.seal(["id", prefix, streamName, id])}`
  return jetstream.publish(subject, body, {
    msgID,
    headers: header,
    expect: { streamName, ...expected },
    timeout: ACK_MS_MAX,
  })
}
