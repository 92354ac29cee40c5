/**
 * `<prefix>:{allowance:<partner>}:<currency>` is a hash of the amounts accepted without approval, per quarter of an hour.
 * `…:taken:<id>` marks an id whose amounts were counted. All these keys expire. Only one script writes them.
 */
import { readFileSync } from "node:fs"
import { Clock, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { ApprovalAllowance } from "./approval-allowance.ts"

const script = readFileSync(new URL("approval-allowance.lua", import.meta.url), "utf8")

/**
 * How time is counted. The buckets cover a day and one mark's lifetime: an amount counts for a full day even if its batch
 * is accepted just before the mark expires.
 */
export interface AllowanceTimes {
  readonly bucketMs: number
  /** How many buckets before the current one count. */
  readonly buckets: number
  /** How long an id is recognised. */
  readonly markMs: number
}

const quarter = 900_000
const ofADay: AllowanceTimes = { bucketMs: quarter, buckets: 97, markMs: quarter }

/** The allowances in REDIS_URL. */
export const layer = Layer.effect(
  ApprovalAllowance,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    return makeAllowance(yield* RedisConnections, redis.prefix, ofADay)
  }),
)

/** The allowances in Redis, under a key prefix. */
export const makeAllowance = (
  { commands, replicated }: Pick<RedisConnections["Service"], "commands" | "replicated">,
  prefix: string,
  { bucketMs, buckets, markMs }: AllowanceTimes,
): ApprovalAllowance["Service"] => {
  const unavailable = Effect.mapError(
    ({ reason }: { readonly reason: string }) =>
      new StoreUnavailable({ store: "redis", step: "take allowance", reason }),
  )
  return {
    take: Effect.fn("ApprovalAllowance.take")(function* (partner, id, amounts) {
      const of = `${prefix}:{allowance:${partner}}`
      const mark = `${of}:taken:${id}`
      const keys = [mark, ...amounts.map(({ currency }) => `${of}:${currency}`)]
      const sums = amounts.flatMap(({ minor, perDay }) => [minor.toString(), perDay.toString()])
      const answer = yield* attempt(() =>
        commands.eval(script, keys.length, ...keys, bucketMs, buckets, markMs, ...sums),
      ).pipe(unavailable)
      if (answer !== 1) return false
      // A failover must not lose what was taken: the batch may be on another primary, and survive.
      yield* replicated(mark, { command: ["EXISTS", mark], isIn: (found) => found === 1 }).pipe(unavailable)
      return true
    }),
    wouldTake: Effect.fn("ApprovalAllowance.wouldTake")(function* (partner, id, amounts) {
      const of = `${prefix}:{allowance:${partner}}`
      const [isTaken, ...taken] = yield* attempt(() =>
        Promise.all([
          commands.exists(`${of}:taken:${id}`),
          ...amounts.map(({ currency }) => commands.hgetall(`${of}:${currency}`)),
        ]),
      ).pipe(unavailable)
      if (isTaken === 1) return true
      const first = Math.floor((yield* Clock.currentTimeMillis) / bucketMs) - buckets
      return amounts.every(
        ({ minor, perDay }, index) => sumSince(first, taken[index] ?? {}) + minor <= perDay,
      )
    }),
  }
}

/** The sum of the buckets from one on. */
const sumSince = (first: number, buckets: Readonly<Record<string, string>>): bigint =>
  Object.entries(buckets).reduce(
    (sum, [bucket, minor]) => (Number(bucket) < first ? sum : sum + BigInt(minor)),
    0n,
  )
