/**
 * `<prefix>:lists` is a sorted set of list versions, scored by the time of their first announcement. The version with the
 * highest score is in force. An announcement is one command; repeating it changes nothing.
 */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { AnnouncedLists, LISTS_MAX, type ListStore, makeAnnouncedLists } from "./announced-lists.ts"

/** The announcements in Redis, under a key prefix. */
export const redisListStore = (
  { commands: redis, replicated }: Pick<RedisConnections["Service"], "commands" | "replicated">,
  prefix: string,
): ListStore => {
  const key = `${prefix}:lists`
  const run = <A>(step: string, command: () => Promise<A>) =>
    Effect.mapError(attempt(command), ({ reason }) => new StoreUnavailable({ store: "redis", step, reason }))
  return {
    since: (listVersion) =>
      Effect.map(
        run("read lists", () => redis.zscore(key, listVersion)),
        (since) => (since === null ? undefined : Number(since)),
      ),
    keep: Effect.fnUntraced(function* (listVersion, at) {
      yield* run("announce lists", () => redis.zadd(key, "LT", at, listVersion))
      // Without this, a failover could put older lists back in force.
      yield* Effect.mapError(
        replicated(key, { command: ["ZSCORE", key, listVersion], isIn: (since) => since !== null }),
        ({ reason }) => new StoreUnavailable({ store: "redis", step: "replicate lists", reason }),
      )
      yield* run("trim lists", () => redis.zremrangebyrank(key, 0, -1 - LISTS_MAX))
    }),
    latest: Effect.map(
      run("read lists", () => redis.zrevrange(key, 0, 0, "WITHSCORES")),
      ([version, since]) => (version === undefined ? undefined : { version, since: Number(since) }),
    ),
  }
}

/** The announcements in REDIS_URL. */
export const redisLists = Effect.gen(function* () {
  const { redis } = yield* AppConfig
  return redisListStore(yield* RedisConnections, redis.prefix)
})

/** The announced lists in REDIS_URL alone. */
export const layer = Layer.effect(
  AnnouncedLists,
  Effect.flatMap(redisLists, (store) => makeAnnouncedLists([store])),
)
