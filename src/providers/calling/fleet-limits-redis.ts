/**
 * Limits on a provider that all processes share: `<prefix>:limits:<provider>` is a hash that one script keeps. A process books
 * many calls at once, so a limit costs some twenty round trips a second. Providers without a limit cost none.
 */
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { AppConfig } from "../../config.ts"
import { RedisConnections } from "../../platform/redis.ts"
import { attempt } from "../../platform/redis-failure.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { FleetLimits } from "./fleet-limits.ts"

const script = readFileSync(new URL("fleet-limits.lua", import.meta.url), "utf8")

/** Longer than a lease, and than a rate takes to recover. An older hash is of no use. */
const KEPT_MS = 60_000

/** The limits in REDIS_URL, for this process. */
export const layer = Layer.effect(
  FleetLimits,
  Effect.gen(function* () {
    const { prefix } = (yield* AppConfig).redis
    const { commands } = yield* RedisConnections
    const id = randomUUID()
    return {
      book: (
        provider,
        { concurrencyOfAll = 0, ratePerSecond = 0 },
        { underWay, seatsWanted, startsWanted, leaseMs },
      ) => {
        const seats = [underWay, seatsWanted, concurrencyOfAll, leaseMs]
        const starts = [startsWanted, ratePerSecond, KEPT_MS]
        const book = () => commands.eval(script, 1, `${prefix}:limits:${provider}`, id, ...seats, ...starts)
        return attempt(book).pipe(
          Effect.map((reply) => {
            const [seats = 0, starts = 0, waitMs = 0] = Array.isArray(reply) ? reply.map(Number) : []
            return { seats, starts, waitMs }
          }),
          Effect.mapError(
            ({ reason }) => new StoreUnavailable({ store: "redis", step: "book calls", reason }),
          ),
        )
      },
    }
  }),
)
