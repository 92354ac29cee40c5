/**
 * The counts of a day in Redis, all of a partner's in one slot:
 *
 * - `<prefix>:{day:<partner>}:sums` is a hash of amounts by quarter of an hour and currency;
 * - `…:counted:<id>` has what was counted under an id;
 * - `…:open` is a sorted set of ids whose batches are not known to be opened, by the time at which they were counted.
 *
 * All of them expire. Only two scripts write amounts.
 */
import { readFileSync } from "node:fs"
import { Clock, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { DayLimit } from "./day-limit.ts"

const scriptIn = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8")
const countScript = scriptIn("day-limit-count.lua")
const giveBackScript = scriptIn("day-limit-give-back.lua")

/** How time is counted: the length of a bucket, and how many before the current one count. */
export interface DayTimes {
  readonly bucketMs: number
  readonly buckets: number
}

const ofADay: DayTimes = { bucketMs: 900_000, buckets: 96 }

/** The counts in REDIS_URL. */
export const layer = Layer.effect(
  DayLimit,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    return makeDayLimit(yield* RedisConnections, redis.prefix, ofADay)
  }),
)

/** The counts in Redis, under a key prefix. */
export const makeDayLimit = (
  { commands: redis, replicated }: Pick<RedisConnections["Service"], "commands" | "replicated">,
  prefix: string,
  { bucketMs, buckets }: DayTimes,
): DayLimit["Service"] => {
  const unavailable = (step: string) =>
    Effect.mapError(
      ({ reason }: { readonly reason: string }) => new StoreUnavailable({ store: "redis", step, reason }),
    )
  const keysOf = (partner: PartnerId, id: string) => {
    const of = `${prefix}:{day:${partner}}`
    return [`${of}:counted:${id}`, `${of}:open`, `${of}:sums`] as const
  }
  return {
    count: Effect.fn("DayLimit.count")(function* (partner, id, amounts) {
      const step = "count in a day"
      const keys = keysOf(partner, id)
      const asked = amounts.flatMap(({ currency, minor, max }) => [currency, `${minor}`, `${max}`])
      const answer = yield* attempt(() =>
        redis.eval(countScript, keys.length, ...keys, bucketMs, buckets, id, ...asked),
      ).pipe(unavailable(step))
      const [at, currency] = answer as readonly [number, string]
      if (currency !== "") return { _tag: "Exceeded", currency, at } as const
      // A failover must not lose the count: the batch may be on another primary, and survive.
      yield* replicated(keys[0], { command: ["EXISTS", keys[0]], isIn: (found) => found === 1 }).pipe(
        unavailable(step),
      )
      return { _tag: "Counted", at } as const
    }),
    taken: Effect.fn("DayLimit.taken")(function* (partner, id) {
      const [counted, open, sums] = keysOf(partner, id)
      const [found, own, openedAt] = yield* attempt(() =>
        Promise.all([redis.hgetall(sums), redis.get(counted), redis.zscore(open, id)]),
      ).pipe(unavailable("look at a day"))
      const first = Math.floor((yield* Clock.currentTimeMillis) / bucketMs) - buckets
      return sumsSince(first, found, openedAt === null ? "" : (own ?? ""))
    }),
    opened: Effect.fn("DayLimit.opened")(function* (partner, id) {
      const [, open] = keysOf(partner, id)
      yield* attempt(() => redis.zrem(open, id)).pipe(unavailable("note a counted batch"))
    }),
    giveBack: Effect.fn("DayLimit.giveBack")(function* (partner, { id, at }) {
      const keys = keysOf(partner, id)
      const answer = yield* attempt(() => redis.eval(giveBackScript, keys.length, ...keys, id, at)).pipe(
        unavailable("give a count back"),
      )
      return answer === 1
    }),
    open: Effect.fn("DayLimit.open")(function* (partner, before, limit) {
      const [, open] = keysOf(partner, "")
      const found = yield* attempt(() =>
        redis.zrangebyscore(open, "-inf", before, "WITHSCORES", "LIMIT", 0, limit),
      ).pipe(unavailable("read open counts"))
      return Array.from({ length: found.length / 2 }, (_, index) => ({
        id: found[2 * index] ?? "",
        at: Number(found[2 * index + 1]),
      }))
    }),
  }
}

/** The sums by currency of the buckets from one on, less what is counted of one's own: "<bucket>:<currency> <minor>", with spaces. */
const sumsSince = (
  first: number,
  buckets: Readonly<Record<string, string>>,
  own: string,
): ReadonlyMap<string, bigint> => {
  const mine = new Map<string, bigint>()
  for (const [, field = "", minor = "0"] of own.matchAll(/(\S+) (\d+)/g)) mine.set(field, BigInt(minor))
  const sums = new Map<string, bigint>()
  for (const [field, minor] of Object.entries(buckets)) {
    const [bucket, currency = ""] = field.split(":")
    if (Number(bucket) < first) continue
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(minor) - (mine.get(field) ?? 0n))
  }
  return sums
}
