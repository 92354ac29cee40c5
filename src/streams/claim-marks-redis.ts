/** `<prefix>:{claims:<partner>}` is a sorted set of the claim that the partner made last. It expires. */
import { readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { ClaimMarks } from "./claim-marks.ts"

const script = readFileSync(new URL("claim-mark.lua", import.meta.url), "utf8")
const DAY_MS = 86_400_000

/** The marks in REDIS_URL. */
export const layer = Layer.effect(
  ClaimMarks,
  Effect.gen(function* () {
    const { prefix } = (yield* AppConfig).redis
    const { commands, replicated } = yield* RedisConnections
    const keyOf = (partner: string) => `${prefix}:{claims:${partner}}`
    return ClaimMarks.of({
      last: Effect.fn("ClaimMarks.last")(function* (partner, days) {
        const answer = yield* attempt(() => commands.eval(lastAndTime, 1, keyOf(partner))).pipe(unavailable)
        const [now, claim, claimedAt] = answer as [now: string, claim?: string, claimedAt?: string]
        const isLookedFor = Number(claimedAt) > Number(now) - days * DAY_MS
        return { claim: isLookedFor ? claim : undefined, now: Number(now) }
      }),
      note: Effect.fn("ClaimMarks.note")(function* (partner, { id, claimedAt }, days) {
        const key = keyOf(partner)
        yield* attempt(() => commands.eval(script, 1, key, id, claimedAt, days * DAY_MS)).pipe(unavailable)
        // A failover must not take it back: a register that lost the claim would pass for complete.
        yield* replicated(key, {
          command: ["ZRANGE", key, 0, 0, "WITHSCORES"],
          isIn: (found) => Array.isArray(found) && Number(found[1]) >= claimedAt,
        }).pipe(unavailable)
      }),
      forget: Effect.fn("ClaimMarks.forget")(function* (partner) {
        yield* attempt(() => commands.del(keyOf(partner))).pipe(unavailable)
      }),
    })
  }),
)

/** The time is that of the server which has the mark: milliseconds. */
const lastAndTime = `
local time = redis.call('TIME')
local last = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), last[1], last[2] }`

const unavailable = Effect.mapError(
  ({ reason }: { readonly reason: string }) =>
    new StoreUnavailable({ store: "redis", step: "mark claims", reason }),
)
