/**
 * Roots on JetStream: one stream with one subject, in the order of their numbers. Our messages carry our seal; what others write there
 * does not count. A message is stored only behind the one that we saw last, so that two writers do not mix their roots.
 */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from "@nats-io/jetstream"
import { headers, nanos } from "@nats-io/transport-node"
import { Effect } from "effect"
import { AppConfig } from "../config.ts"
import { ensureStream, Nats, natsStep } from "../platform/nats.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { messageSeal } from "../vault/message-seal.ts"
import type { RootsPlace } from "./published-roots.ts"
import { readRootBody, rootBody, rootEventId, rootsStreamOf, rootsSubjectOf } from "./root-event.ts"

const DAY_MS = 24 * 3_600_000
const RETENTION_MS = 3_660 * DAY_MS
const DUPLICATE_WINDOW_MS = 120_000
const MESSAGE_BYTES_MAX = 64 * 1024
const ACK_MS_MAX = 5_000
const SEAL = "Atlaspay-Seal"
const PURPOSE = "atlaspay seal of proof roots"
/** Messages of others that are passed over to find our last one. */
const FOREIGN_MAX = 100

/** The stream of roots, which is created when it is first looked at. */
export const makeRootsStream = Effect.gen(function* () {
  const { nats, redis, vault } = yield* AppConfig
  const { jetstream, manager } = yield* Nats
  const streamName = rootsStreamOf(nats.stream)
  const subject = rootsSubjectOf(nats.stream)
  const seal = messageSeal(vault.masterKeys, PURPOSE)
  const sealed = (body: string) => [redis.prefix, streamName, subject, body]

  const ensureOwnStream = ensureStream(manager, {
    name: streamName,
    subjects: [subject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(RETENTION_MS),
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    max_msg_size: MESSAGE_BYTES_MAX,
  })

  const found = async (seq: number) => {
    try {
      return (await manager.streams.getMessage(streamName, { seq })) ?? undefined
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound)
        return undefined
      throw error
    }
  }

  const isOurs = (message: StoredMsg): boolean => {
    const found = seal.check(sealed(message.string()), message.header?.get(SEAL) ?? "")
    // It may be our last root: taken for another's, the next one would not be compared with it.
    if (found === "unknown-key" && readRootBody(message.string()) !== undefined)
      throw new TypeError(
        `the root in message ${message.seq} is sealed with a master key that is not in the settings`,
      )
    return found === "genuine"
  }

  /** The number of the last message that the stream had, even if it was deleted, and our last root. */
  const tail = Effect.andThen(
    ensureOwnStream,
    natsStep("read the last root", async () => {
      const { first_seq: first, last_seq: last } = (await manager.streams.info(streamName)).state
      for (let seq = last; seq >= Math.max(1, first); seq -= 1) {
        if (last - seq >= FOREIGN_MAX) throw new TypeError("too many messages of others")
        const message = await found(seq)
        if (message !== undefined && isOurs(message)) return { seq: last, message }
      }
      return { seq: last, message: undefined }
    }),
  )

  const place: RootsPlace = {
    name: "stream",
    last: Effect.flatMap(tail, ({ message }) => {
      if (message === undefined) return Effect.undefined
      const read = readRootBody(message.string())
      return read === undefined
        ? new StoreUnavailable({ store: "nats", step: "read the last root", reason: "it cannot be read" })
        : Effect.succeed(read)
    }),
    append: Effect.fn("RootsStream.append")(function* (roots) {
      let { seq } = yield* tail
      for (const root of roots) {
        const body = rootBody(root)
        const header = headers()
        header.set("content-type", "application/cloudevents+json")
        header.set(SEAL, seal.seal(sealed(body)))
        const id = rootEventId(root)
        // Others must not be able to guess the id and publish under it first.
        const msgID = `${id}.${seal.seal(["id", redis.prefix, streamName, id])}`
        const stored = yield* natsStep("publish a root", () =>
          jetstream.publish(subject, body, {
            msgID,
            headers: header,
            expect: { streamName, lastSequence: seq },
            timeout: ACK_MS_MAX,
          }),
        )
        seq = stored.seq
      }
    }),
  }
  return place
})
