/** `<prefix>:leased:<name>` counts what all processes have leased under a name. It expires by itself. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { LeaseCount } from "./lease-count.ts"
import { RedisConnections } from "./redis.ts"
import { attempt } from "./redis-failure.ts"

/** A request that has to wait for a lease waits no longer than this. */
const WAIT_MS = 250
/** After a failure, for how long Redis is not asked: meanwhile each process limits by itself. */
const RETRY_MS = 5_000

/** The counts in REDIS_URL. */
export const layer = Layer.effect(
  LeaseCount,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    const { commands } = yield* RedisConnections
    let askAgainAt = Number.NEGATIVE_INFINITY
    const add = (key: string, amount: number, keptMs: number) =>
      attempt(async () => {
        const counted = await commands.incrby(key, amount)
        // The first lease. If its process ends here, the key stays without expiry: a few bytes, and no name is used twice.
        if (counted === amount) await commands.pexpire(key, keptMs)
        return counted
      })
    return (name, amount, keptMs) =>
      Effect.suspend(() => {
        if (performance.now() < askAgainAt) return Effect.succeed(undefined)
        return add(`${redis.prefix}:leased:${name}`, amount, keptMs).pipe(
          Effect.timeout(WAIT_MS),
          Effect.catch((error) => {
            askAgainAt = performance.now() + RETRY_MS
            const reason = error._tag === "RedisUnavailable" ? error.reason : "TIMEOUT"
            return Effect.as(Effect.logWarning("leases not shared", { reason }), undefined)
          }),
        )
      })
  }),
)
