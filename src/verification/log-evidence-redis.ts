/** Logs, feeds and queues on Redis, as they are. It loads no function, touches no group, and writes nothing. */
import { hash } from "node:crypto"
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { primariesOf, type RedisCommands, sendTogether } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import { readFeed, type StreamEntry } from "../streams/stream-entry.ts"
import type { LogEvidence } from "./evidence.ts"

/** Where the logs are: the client, the prefix of all keys, and the number of partitions. */
export interface LogPlace {
  readonly redis: RedisCommands
  readonly prefix: string
  readonly partitions: number
}

/** Fails if the deployment has another number of partitions: all logs would seem to be missing. */
export const logEvidence = Effect.fnUntraced(function* ({
  redis: commands,
  prefix,
  partitions: given,
}: LogPlace): Effect.fn.Return<LogEvidence["Service"], StoreUnavailable> {
  const partitions = yield* createdWith(commands, prefix, given)
  const partitionFor = (batch: BatchId) => partitionOf(batch, partitions)
  const keysAt = (partition: number) => partitionKeys(prefix, partition)
  const logOf = (batch: BatchId) => keysAt(partitionFor(batch)).log(batch)
  /** All go out as one text. */
  const together = <A, B>(step: string, all: ReadonlyArray<A>, each: (one: A) => Promise<B>) =>
    attempt(() => {
      sendTogether(commands)
      return Promise.all(all.map(each))
    }).pipe(unavailable(step))
  const lengthOf = (batch: BatchId) => commands.xlen(logOf(batch)).catch(noneOfOtherType(0))
  const pattern = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}:{*}:log:*`

  return {
    partitions,
    partitionOf: partitionFor,
    names: Effect.fnUntraced(function* (cursor, limit) {
      const cursors = cursor.split(" ")
      const answers = yield* Effect.forEach(primariesOf(commands), (primary, index) => {
        const at = cursor === "" ? "0" : (cursors[index] ?? DONE)
        return at === DONE
          ? Effect.succeed<[string, Array<string>]>([DONE, []])
          : attempt(() => primary.scan(at, "MATCH", pattern, "COUNT", limit))
      }).pipe(unavailable("scan"))
      const next = answers.map(([at]) => (at === "0" ? DONE : at))
      return {
        batches: answers.flatMap(([, keys]) =>
          keys.map((key) => key.slice(key.lastIndexOf(":") + 1) as BatchId),
        ),
        next: next.every((at) => at === DONE) ? undefined : next.join(" "),
      }
    }),
    lengths: (batches) => together("measure logs", batches, (batch) => lengthOf(batch)),
    read: (ranges) =>
      together("read logs", ranges, ({ batch, after, limit }) =>
        commands.xrange(logOf(batch), `(${after}`, "+", "COUNT", limit).catch(noneOfOtherType([])),
      ),
    at: (places) =>
      Effect.map(
        together("read entries", places, ({ batch, version }) =>
          commands.xrange(logOf(batch), `${version}-0`, `${version}-0`).catch(noneOfOtherType([])),
        ),
        (entries) => entries.map(([entry]) => entry),
      ),
    opened: (batches) =>
      together("look at open batches", batches, async (batch) => {
        const { open } = keysAt(partitionFor(batch))
        const [since, length] = await Promise.all([commands.zscore(open, batch), lengthOf(batch)])
        return { isOpen: since !== null, length }
      }),
    standing: (batches) =>
      together("look at unlinked logs", batches, async (batch) => {
        const { archivedNames, restored } = keysAt(partitionFor(batch))
        const [since, ...bits] = await Promise.all([
          commands.zscore(restored, batch),
          ...bitsOf(batch).map((bit) => commands.getbit(archivedNames, bit)),
        ])
        return { isRestored: since !== null, mayBeArchived: bits.every((bit) => bit === 1) }
      }),
    feed: Effect.fnUntraced(function* (partition, after, limit) {
      const { feed } = keysAt(partition)
      const entries: ReadonlyArray<StreamEntry> = yield* attempt(() =>
        commands.xrange(feed, `(${after}`, "+", "COUNT", limit),
      ).pipe(unavailable("read a feed"))
      return Result.getOrElse(readFeed("0-0", undefined, entries), () => [])
    }),
    feedAt: (partition, position) =>
      attempt(() => commands.xrange(keysAt(partition).feed, position, position)).pipe(
        unavailable("read a feed"),
        Effect.map((entries) => Result.getOrElse(readFeed("0-0", undefined, entries), () => [])[0]),
      ),
    feedEnd: (partition) =>
      attempt(() => commands.xrevrange(keysAt(partition).feed, "+", "-", "COUNT", 1)).pipe(
        unavailable("read the end of a feed"),
        Effect.map(([last]) => last?.[0] ?? "0-0"),
      ),
    queued: Effect.fnUntraced(function* (partition, cursor, limit) {
      const { open, timers, scheduled } = keysAt(partition)
      const [place = "0", at = "0"] = cursor.split(" ")
      const sets = [open, timers, scheduled]
      const set = sets[Number(place)] ?? open
      const [next, found] = yield* attempt(() =>
        set === scheduled ? commands.hscan(set, at, "COUNT", limit) : commands.zscan(set, at, "COUNT", limit),
      ).pipe(unavailable("look at queues"))
      const on = Number(place) + (next === "0" ? 1 : 0)
      return {
        // Members and fields alternate with what they have.
        batches: found.filter((_, index) => index % 2 === 0) as Array<BatchId>,
        next: on < sets.length ? `${on} ${next}` : undefined,
      }
    }),
  }
})

const DONE = "-"

/** What is no stream has no entries: a log that somebody replaced by something else is missing, and the other logs are verified. */
const noneOfOtherType =
  <A>(none: A) =>
  (error: unknown): A => {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return none
    throw error
  }

/** The filter of names that may be archived, as functions/library.lua writes it. */
const FILTER_BITS = 8_388_608
const BITS_OF_NAME = 7

const bitsOf = (name: string): ReadonlyArray<number> => {
  const digest = hash("sha1", name)
  const step = Number.parseInt(digest.slice(8, 16), 16)
  return Array.from(
    { length: BITS_OF_NAME },
    (_, n) => (Number.parseInt(digest.slice(0, 8), 16) + n * (step + 1 - (step % 2))) % FILTER_BITS,
  )
}

const unavailable = (step: string) =>
  Effect.mapError(({ reason }: RedisUnavailable) => new StoreUnavailable({ store: "redis", step, reason }))

/** With another number of partitions all logs would seem to be missing. */
const createdWith = Effect.fnUntraced(function* (commands: RedisCommands, prefix: string, given: number) {
  const created = yield* attempt(() => commands.get(`${prefix}:partitions`)).pipe(
    unavailable("check PARTITIONS"),
  )
  if (created === String(given)) return given
  const reason = created === null ? "NO_DEPLOYMENT_UNDER_STREAM_PREFIX" : `CREATED_WITH_${created}_PARTITIONS`
  return yield* new StoreUnavailable({ store: "redis", step: "check PARTITIONS", reason })
})
