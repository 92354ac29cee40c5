/** Stored logs in Redis, else in the archive. It only reads: it loads no function, and touches no consumer group. */
import { Effect, Option } from "effect"
import type { RedisCommands } from "../platform/redis-client.ts"
import { primariesOf } from "../platform/redis-client.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { LogArchive } from "../streams/log-archive.ts"
import { logIndex } from "../streams/log-index-redis.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"
import type { StoredLogs } from "./stored-logs.ts"

/** Where the logs are: the client, the prefix of all keys, and how many partitions there are. */
export interface LogPlace {
  readonly redis: RedisCommands
  readonly prefix: string
  readonly partitions: number
}

/**
 * The logs of a Redis and an archive. A log that Redis does not have, or no longer has after some version, is asked for in the archive:
 * it may be unlinked between two pages. Both have the same texts under the same hashes.
 */
export const storedLogs = (
  { redis, prefix, partitions }: LogPlace,
  archive: Option.Option<Pick<LogArchive["Service"], "entries" | "logs">>,
): StoredLogs["Service"] => ({
  entries: Effect.fnUntraced(function* (batch, after, limit) {
    const key = partitionKeys(prefix, partitionOf(batch, partitions)).log(batch)
    const range = (from: number, to: string, count: number) =>
      attempt(() => redis.xrange(key, `${from}-0`, to, "COUNT", count)).pipe(
        Effect.mapError(({ reason }) => new StoreUnavailable({ store: "redis", step: "read", reason })),
      )
    const found: ReadonlyArray<StreamEntry> = yield* range(after + 1, "+", limit)
    if (found.length > 0 || Option.isNone(archive)) return found
    // The log ends here if its last event is still in Redis.
    if (after > 0 && (yield* range(after, `${after}-0`, 1)).length > 0) return []
    return yield* archive.value.entries(batch, after, limit)
  }),
  page: logIndex({
    onEachPrimary: (command) =>
      Effect.forEach(primariesOf(redis), (primary) => attempt(() => command(primary)), {
        concurrency: "unbounded",
      }),
    prefix,
    archive,
  }).page,
})
