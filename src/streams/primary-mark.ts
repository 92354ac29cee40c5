/**
 * Whether this process is on the primary of Postgres that the others are on. A promotion begins a new timeline, so a primary that was
 * replaced has a lower one. But a process that reaches no other server cannot see that it was replaced, and Postgres goes on acknowledging
 * what is then lost. All processes reach the same Redis. So each marks there the highest timeline that it was on, and compares.
 *
 * `<prefix>:postgres` is a sorted set of databases by their system identifier, which all copies share, scored by the highest timeline.
 * A database that is restored into a new server has another identifier. A Redis that comes back older has a mark that is too low
 * until a process on the primary looks again.
 */
import { Effect } from "effect"
import { AppConfig } from "../config.ts"
import { Postgres } from "../platform/postgres.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { inTime } from "./deadline.ts"

/** Some managed servers do not tell their timeline: not supported, not now, not to us, no such function. */
const UNTOLD = /^(0A000|55000|42501|42883)$/

/** Gives a look at both stores: marks the timeline, and gives why the server must have been replaced; nothing if it was not. */
export const makePrimaryMark = Effect.gen(function* () {
  const { prefix } = (yield* AppConfig).redis
  const { commands } = yield* RedisConnections
  const { query } = yield* Postgres
  const key = `${prefix}:postgres`
  const read = query(
    "read the timeline",
    (sql) => sql<Array<{ readonly database: string; readonly timeline: number }>>`
      select (select system_identifier::text from pg_control_system()) as database,
        ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline`,
  ).pipe(
    Effect.map(([row]) => row),
    Effect.catchIf(
      ({ reason }) => UNTOLD.test(reason),
      () => Effect.undefined,
    ),
  )
  const highest = (database: string, timeline: number) =>
    inTime(
      attempt(async () => {
        const [, seen] = await Promise.all([
          commands.zadd(key, "GT", timeline, database),
          commands.zscore(key, database),
        ])
        return Number(seen)
      }).pipe(
        Effect.mapError(
          ({ reason }) => new StoreUnavailable({ store: "redis", step: "mark the timeline", reason }),
        ),
      ),
    )
  return Effect.gen(function* () {
    const found = yield* read
    if (found === undefined) return undefined
    const { database, timeline } = found
    const seen = yield* highest(database, timeline)
    return seen > timeline
      ? `Postgres is on timeline ${timeline}, and a process has seen ${seen}: it was replaced`
      : undefined
  })
})
