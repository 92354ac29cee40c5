/**
 * The marks in Redis, all in one slot:
 *
 * - `<prefix>:{access}:ended` is a sorted set of ids of keys, scored by the time from which each does not work, or with a minus
 *   that at which it was revoked (`ZADD LT`);
 * - `<prefix>:{access}:partners` is a sorted set of partners, scored by twice the time of the last change, plus one if the
 *   partner is suspended (`ZADD GT`);
 * - `<prefix>:{access}:signed-out` is a sorted set of operators, scored by the time of the last sign-out (`ZADD GT`);
 * - `<prefix>:{access}:settings` is a sorted set of partners, scored by the version of their settings (`ZADD GT`);
 * - `<prefix>:{access}:version` is a random text, another one after each change of these. It is set last, so a reader never misses
 *   a change, also after a failover to a server that is behind.
 */
import { randomUUID } from "node:crypto"
import { Clock, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { AccessMarks, MARKS_KEPT_MS, type PartnerMark, SIGN_OUTS_KEPT_MS } from "./access-marks.ts"

/** Marks of one command: after Redis has lost them, there may be one for each of 100,000 partners. */
const WRITTEN_AT_ONCE = 1_000

/** The connections that the marks need. */
export type MarkConnections = Pick<RedisConnections["Service"], "commands" | "replicated">

/** The marks in REDIS_URL. */
export const layer = Layer.effect(
  AccessMarks,
  Effect.gen(function* () {
    const { redis } = yield* AppConfig
    return makeAccessMarks(yield* RedisConnections, redis.prefix)
  }),
)

/** The marks in Redis, under a key prefix. */
export const makeAccessMarks = (
  { commands: redis, replicated }: MarkConnections,
  prefix: string,
): AccessMarks["Service"] => {
  const [ended, partners, settings, signedOut, version] = [
    `${prefix}:{access}:ended`,
    `${prefix}:{access}:partners`,
    `${prefix}:{access}:settings`,
    `${prefix}:{access}:signed-out`,
    `${prefix}:{access}:version`,
  ]
  const run = <A>(step: string, command: () => Promise<A>) =>
    Effect.mapError(attempt(command), ({ reason }) => new StoreUnavailable({ store: "redis", step, reason }))
  const all = (key: string) => run("read access marks", () => redis.zrevrange(key, 0, -1, "WITHSCORES"))
  const add = Effect.fnUntraced(function* (
    key: string,
    keep: "LT" | "GT",
    scores: ReadonlyArray<readonly [string, number]>,
  ) {
    for (let from = 0; from < scores.length; from += WRITTEN_AT_ONCE) {
      const some = scores.slice(from, from + WRITTEN_AT_ONCE)
      const given = some.flatMap(([member, score]) => [`${score}`, member])
      yield* run("write access marks", () =>
        keep === "LT" ? redis.zadd(key, "LT", ...given) : redis.zadd(key, "GT", ...given),
      )
    }
  })
  /** Resolves once the replicas have the last of the members with its score, or a score that prevails over it. */
  const kept = (
    key: string,
    [member, score]: readonly [string, number],
    prevails: (other: number) => boolean,
  ) =>
    replicated(key, {
      command: ["ZSCORE", key, member],
      isIn: (answer) => answer !== null && (Number(answer) === score || prevails(Number(answer))),
    }).pipe(
      Effect.mapError(
        ({ reason }) => new StoreUnavailable({ store: "redis", step: "replicate access marks", reason }),
      ),
    )
  return {
    read: Effect.fn("AccessMarks.read")(function* (known) {
      const current = (yield* run("read access marks", () => redis.get(version))) ?? ""
      if (known?.version === current) return known
      return {
        version: current,
        ended: new Map(pairsIn(yield* all(ended))),
        partners: new Map(pairsIn(yield* all(partners)).map(([partner, score]) => [partner, markOf(score)])),
        settings: new Map(pairsIn(yield* all(settings))),
        signedOut: new Map(pairsIn(yield* all(signedOut))),
      }
    }),
    write: Effect.fn("AccessMarks.write")(function* (marks) {
      const times = [...marks.ended]
      const states = [...marks.partners].map(([partner, mark]) => [partner, scoreOf(mark)] as const)
      yield* add(ended, "LT", times)
      yield* add(partners, "GT", states)
      const versions = [...marks.settings]
      yield* add(settings, "GT", versions)
      const outs = [...marks.signedOut]
      yield* add(signedOut, "GT", outs)
      // Old times, and old revocations with their minus.
      const now = yield* Clock.currentTimeMillis
      const old = now - MARKS_KEPT_MS
      yield* run("trim access marks", () => redis.zremrangebyscore(ended, `(${-old}`, `(${old}`))
      const oldOut = `(${now - SIGN_OUTS_KEPT_MS}`
      yield* run("trim access marks", () => redis.zremrangebyscore(signedOut, "-inf", oldOut))
      yield* run("write access marks", () => redis.set(version, randomUUID()))
      const [time, state, set, out] = [times.at(-1), states.at(-1), versions.at(-1), outs.at(-1)]
      if (time !== undefined) yield* kept(ended, time, (other) => other < time[1])
      if (state !== undefined) yield* kept(partners, state, (other) => other > state[1])
      if (set !== undefined) yield* kept(settings, set, (other) => other > set[1])
      if (out !== undefined) yield* kept(signedOut, out, (other) => other > out[1])
    }),
  }
}

const scoreOf = ({ suspended, changedMs }: PartnerMark): number => 2 * changedMs + (suspended ? 1 : 0)

const markOf = (score: number): PartnerMark => ({
  suspended: score % 2 === 1,
  changedMs: Math.floor(score / 2),
})

/** "member, score, member, score" as pairs. */
const pairsIn = (answer: ReadonlyArray<string>): ReadonlyArray<readonly [string, number]> => {
  const pairs: Array<readonly [string, number]> = []
  for (let at = 0; at + 1 < answer.length; at += 2) pairs.push([answer[at] ?? "", Number(answer[at + 1])])
  return pairs
}
