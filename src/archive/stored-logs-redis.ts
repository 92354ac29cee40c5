/** Logs as Redis has them. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import { unavailable } from "../streams/partition-steps-redis.ts"
import { StoredLogs } from "./stored-logs.ts"

export const layer = Layer.effect(
  StoredLogs,
  Effect.gen(function* () {
    const { commands } = yield* RedisConnections
    const { prefix, partitions } = (yield* AppConfig).redis
    return StoredLogs.of({
      entries: (batch, after, limit) => {
        const { log } = partitionKeys(prefix, partitionOf(batch, partitions))
        return attempt(() => commands.xrange(log(batch), `${after + 1}-0`, "+", "COUNT", limit)).pipe(
          unavailable("read"),
        )
      },
    })
  }),
)
