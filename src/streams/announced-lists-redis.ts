/**
 * `<prefix>:lists`: a sorted set of versions, by the time at which each was first announced. An announcement is one command,
 * which changes nothing when it is repeated, and the lists in force are the last of the set.
 */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import type { AnnouncedList } from "../domain/clearance.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { AnnouncedLists, LISTS_FRESH_MS, LISTS_MAX } from "./announced-lists.ts"
import { StreamsUnavailable } from "./event-log.ts"

/** The lists in REDIS_URL. */
export const layer = Layer.effect(
  AnnouncedLists,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    return makeAnnouncedLists(yield* RedisConnections, redis.prefix)
  }),
)

/** The lists under a prefix of a Redis. */
export const makeAnnouncedLists = (
  { commands: redis, replicated }: Pick<RedisConnections["Service"], "commands" | "replicated">,
  prefix: string,
): AnnouncedLists["Service"] => {
  const key = `${prefix}:lists`
  const run = <A>(step: string, command: () => Promise<A>) =>
    Effect.mapError(attempt(command), ({ reason }) => new StreamsUnavailable({ step, reason }))
  const read = async (): Promise<Known> => {
    const since = monotonicAndWall()
    const [version, at] = await redis.zrevrange(key, 0, 0, "WITHSCORES")
    return { lists: version === undefined ? undefined : { version, since: Number(at) }, since }
  }

  let known: Known | undefined
  /** Batches ask side by side: one question is under way for all of them. */
  let underWay: Promise<Known> | undefined
  const refresh = async (): Promise<Known> => {
    underWay ??= read().finally(() => {
      underWay = undefined
    })
    known = await underWay
    return known
  }

  return {
    announce: Effect.fn("AnnouncedLists.announce")(function* (listVersion, at) {
      yield* run("announce lists", () => redis.zadd(key, "NX", at, listVersion))
      // A failover must not bring back the older lists.
      yield* Effect.mapError(
        replicated(key, { command: ["ZSCORE", key, listVersion], isIn: (since) => since !== null }),
        ({ reason }) => new StreamsUnavailable({ step: "replicate lists", reason }),
      )
      yield* run("trim lists", () => redis.zremrangebyrank(key, 0, -1 - LISTS_MAX))
      yield* Effect.sleep(LISTS_FRESH_MS)
    }),
    current: Effect.suspend(() => {
      if (known !== undefined && isFresh(known)) return Effect.succeed(known.lists)
      return Effect.flatMap(run("read lists", refresh), (answer) =>
        isFresh(answer)
          ? Effect.succeed(answer.lists)
          : Effect.fail(new StreamsUnavailable({ step: "read lists", reason: "the answer came too late" })),
      )
    }),
  }
}

interface Known {
  readonly lists: AnnouncedList | undefined
  /** When it was asked for, by two clocks: one may stand still while the machine sleeps, the other may be set. */
  readonly since: Readonly<Record<"monotonic" | "wall", number>>
}

const monotonicAndWall = () => ({ monotonic: performance.now(), wall: Date.now() })

const isFresh = ({ since }: Known): boolean => {
  const now = monotonicAndWall()
  const age = now.wall - since.wall
  return now.monotonic - since.monotonic < LISTS_FRESH_MS && age >= 0 && age < LISTS_FRESH_MS
}
