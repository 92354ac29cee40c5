/** The feeds of partitions on Redis Streams. */
import { Effect, Result } from "effect"
import { attempt } from "../platform/redis-failure.ts"
import { feedFrom } from "./evidence.ts"
import type { Feed } from "./feed.ts"
import { type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { readFeed, readFrom } from "./stream-entry.ts"

export const feed = (steps: PartitionSteps): Feed["Service"] => ({
  entries: Effect.fn("Feed.entries")(function* (partition, after, limit, head) {
    const { feed } = steps.keysAt(partition)
    const entries = yield* range(steps, feed, after, readFrom(after, limit))
    const read = readFeed(after, head, entries)
    // Also before an alarm: an old primary lacks what was appended since its failover, and must not look like lost history.
    if (Result.isFailure(read) || read.success.length > 0)
      yield* steps.replicated(feed, feedFrom(feed, after, entries))
    return yield* Effect.fromResult(read)
  }),

  trim: Effect.fn("Feed.trim")(function* (partition, before) {
    const { feed } = steps.keysAt(partition)
    yield* attempt(() => steps.commands.xtrim(feed, "MINID", before)).pipe(unavailable("trim feed"))
  }),
})
