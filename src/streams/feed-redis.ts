/** The feeds of partitions on Redis Streams. */
import { Effect, Result } from "effect"
import type { Reader } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { feedFrom } from "./evidence.ts"
import type { Feed, FeedPage, FeedPart, FeedPosition } from "./feed.ts"
import { positionBefore } from "./feed-position.ts"
import { type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { readFeed, readFrom, type StreamEntry } from "./stream-entry.ts"

export const feed = (steps: PartitionSteps): Feed["Service"] => ({
  entries: Effect.fn("Feed.entries")(function* (partition, after, limit, head) {
    const { feed } = steps.keysAt(partition)
    const entries = yield* range(steps, feed, after, readFrom(after, limit))
    return yield* Effect.flatMap(checked(steps, { partition, after, head }, entries), Effect.fromResult)
  }),

  pages: Effect.fnUntraced(function* (positions, limit) {
    const together = steps.commands.isCluster ? positions.map((one) => [one]) : [positions]
    const pages = yield* Effect.forEach(together, (some) => pagesTogether(steps, some, limit), {
      concurrency: "unbounded",
    })
    return pages.flat()
  }),

  feedParts: Effect.suspend(() =>
    steps.connections.readers(
      WAIT_MS_MAX,
      steps.partitions.map(({ feed }) => feed),
    ),
  ).pipe(
    unavailable("open readers"),
    Effect.map((readers) => readers.map((reader) => feedPart(steps, reader))),
  ),

  trim: Effect.fn("Feed.trim")(function* (partition, before) {
    const { feed } = steps.keysAt(partition)
    yield* attempt(() => steps.commands.xtrim(feed, "MINID", before)).pipe(unavailable("trim feed"))
  }),
})

/** The id of the last entry of a partition's feed; "0-0" if there is none. */
export const feedTail = (steps: PartitionSteps) =>
  Effect.fnUntraced(function* (partition: number) {
    const [last] = (yield* attempt(() =>
      steps.commands.xrevrange(steps.keysAt(partition).feed, "+", "-", "COUNT", 1),
    ).pipe(unavailable("read the end of a feed"))) as ReadonlyArray<StreamEntry>
    return last?.[0] ?? "0-0"
  })

/** The longest time that one read may block. The watchdog of its connection allows for it. */
const WAIT_MS_MAX = 5_000

type Streams = ReadonlyArray<[key: string, entries: ReadonlyArray<StreamEntry>]> | null

const keyOf = (steps: PartitionSteps, { partition }: FeedPosition) => steps.partitions[partition]?.feed ?? ""

/** One command for all positions. It reads from before a position, so that the entry at the position comes first. */
const pagesTogether = Effect.fnUntraced(function* (
  steps: PartitionSteps,
  positions: ReadonlyArray<FeedPosition>,
  limit: number,
): Effect.fn.Return<ReadonlyArray<FeedPage>> {
  if (positions.length === 0) return []
  const found = yield* attempt(() =>
    steps.commands.xread(
      "COUNT",
      limit + 1,
      "STREAMS",
      ...positions.map((position) => keyOf(steps, position)),
      ...positions.map(({ after }) => positionBefore(after)),
    ),
  ).pipe(unavailable("read feeds"), Effect.result)
  if (Result.isFailure(found)) return positions.map(() => Result.fail(found.failure))
  const streams = new Map(found.success as Streams)
  const entriesAt = (position: FeedPosition) =>
    (streams.get(keyOf(steps, position)) ?? []).slice(0, readFrom(position.after, limit))
  // Without replicas there is nothing to wait for, and a fiber for each would cost more than the page.
  if (!steps.isReplicated)
    return positions.map((position) => readFeed(position.after, position.head, entriesAt(position)))
  return yield* Effect.forEach(
    positions,
    (position) =>
      checked(steps, position, entriesAt(position)).pipe(
        Effect.catchTag("StoreUnavailable", (failure) => Effect.succeed(Result.fail(failure))),
      ),
    { concurrency: "unbounded" },
  )
})

const feedPart = (steps: PartitionSteps, { client, keys }: Reader): FeedPart => {
  return {
    partitions: steps.partitions.flatMap(({ feed }, partition) => (keys.includes(feed) ? [partition] : [])),

    arrivals: Effect.fnUntraced(function* (positions, waitMs) {
      const streams = (yield* attempt(() =>
        client.xread(
          "COUNT",
          1,
          "BLOCK",
          // Redis takes 0 for ever.
          Math.max(1, Math.min(Math.ceil(waitMs), WAIT_MS_MAX)),
          "STREAMS",
          ...positions.map((position) => keyOf(steps, position)),
          ...positions.map(({ after }) => after),
        ),
      ).pipe(unavailable("wait for feeds"))) as Streams
      const arrived = new Set(streams?.map(([key]) => key))
      return new Set(
        positions.flatMap((position) => (arrived.has(keyOf(steps, position)) ? [position.partition] : [])),
      )
    }),
  }
}

/** Decodes what was read from a position on, once it is replicated. */
const checked = (
  steps: PartitionSteps,
  { partition, after, head }: FeedPosition,
  entries: ReadonlyArray<StreamEntry>,
) => {
  const { feed } = steps.keysAt(partition)
  const read: FeedPage = readFeed(after, head, entries)
  // Also before an alarm: an old primary lacks what was appended since its failover, and must not look like lost history.
  return Result.isFailure(read) || read.success.length > 0
    ? Effect.as(steps.replicated(feed, feedFrom(feed, after, entries)), read)
    : Effect.succeed(read)
}
