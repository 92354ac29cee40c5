/**
 * `<prefix>:strays` is a sorted set of JSON, scored by the time at which each callback was first received. A repeated
 * callback is the same member, so it takes no more room.
 */
import { Effect, Layer, Schema } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { STRAYS_MAX, StrayCallback, StrayCallbacks } from "./stray-callbacks.ts"

/** The stray callbacks in REDIS_URL. */
export const layer = Layer.effect(
  StrayCallbacks,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    return makeStrayCallbacks(yield* RedisConnections, redis.prefix)
  }),
)

/** The stray callbacks in Redis, under a key prefix. */
export const makeStrayCallbacks = (
  { commands: redis }: Pick<RedisConnections["Service"], "commands">,
  prefix: string,
): StrayCallbacks["Service"] => {
  const key = `${prefix}:strays`
  const run = <A>(step: string, command: () => Promise<A>) =>
    Effect.mapError(attempt(command), ({ reason }) => new StoreUnavailable({ store: "redis", step, reason }))
  return {
    keep: Effect.fn("StrayCallbacks.keep")(function* (stray, receivedAt) {
      const added = yield* run("keep stray", () => redis.zadd(key, "NX", receivedAt, encode(stray)))
      if (added === 0) return false
      ;(yield* Metrics).strayCallbacks.inc()
      yield* run("trim strays", () => redis.zremrangebyrank(key, 0, -1 - STRAYS_MAX))
      return true
    }),
    list: Effect.fn("StrayCallbacks.list")(function* (limit) {
      const found = yield* run("list strays", () =>
        redis.zrevrange(key, 0, Math.max(limit, 1) - 1, "WITHSCORES"),
      )
      return found.flatMap((text, index) =>
        index % 2 === 0 ? [{ ...decode(text), receivedAt: Number(found[index + 1]) }] : [],
      )
    }),
  }
}

const json = Schema.fromJsonString(StrayCallback)
const encode = Schema.encodeSync(json)
const decode = Schema.decodeUnknownSync(json)
