/**
 * Checks the durability of Postgres when the service starts. Postgres has the second record of what was acknowledged, so
 * a commit has to be on disk, and on DATABASE_STANDBYS standbys, before it is answered. Settings are read in a session of
 * ours, because a role or a database may have weaker ones. In production, a weaker setting refuses the start; elsewhere
 * it is logged.
 */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { DurabilityTooWeak, UNREADABLE, type Weakness } from "./durability-weakness.ts"
import { Postgres } from "./postgres.ts"

/** What a session of Postgres says of durability. */
export interface Found {
  readonly server: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
  readonly synchronous_standby_names: string
  readonly read_only: string
  readonly recovering: boolean
  /** Synchronous standbys that are connected; `null` if we may not see them. */
  readonly standbys: number | null
}

/** Values of synchronous_commit that wait for the server's disk, and those that also wait for the standbys' disks. */
const LOCAL = ["local", "remote_write", "on", "remote_apply"]
const REPLICATED = ["on", "remote_apply"]

/** Checks once, logs the guarantees, and refuses those that are too weak for production. */
export const postgresDurabilityLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { production, redis, postgres } = yield* AppConfig
    const found = yield* readDurability((yield* Postgres).query)
    if (found === undefined) return
    yield* Effect.logInfo("postgres durability", {
      server: found.server,
      reliesOn: `fsync ${found.fsync}, synchronous_commit ${found.synchronous_commit}, ${standbysOf(found)} standbys online, ${postgres.standbys} waited for`,
    })
    const weaknesses = weaknessesOf(found, postgres.standbys)
    const refusing = weaknesses.filter(({ found }) => found !== UNREADABLE || !redis.durabilityVouched)
    if (production && refusing.length > 0)
      return yield* new DurabilityTooWeak({ store: "Postgres", weaknesses: refusing })
    for (const weakness of weaknesses) yield* Effect.logWarning("postgres durability", weakness)
  }),
)

/** Reads what Postgres promises, in a session of the pool; `undefined` if it says nothing. */
export const readDurability = (query: Postgres["Service"]["query"]) =>
  query(
    "read the settings",
    (sql) => sql<Array<Found>>`
      select coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local') as server,
        current_setting('fsync') as fsync,
        current_setting('full_page_writes') as full_page_writes,
        current_setting('synchronous_commit') as synchronous_commit,
        current_setting('synchronous_standby_names') as synchronous_standby_names,
        current_setting('transaction_read_only') as read_only,
        pg_is_in_recovery() as recovering,
        (
          select case when count(*) filter (where state is null) > 0 then null
            else count(*) filter (where state = 'streaming' and sync_state in ('sync', 'quorum')) end::int
          from pg_stat_replication
        ) as standbys`,
  ).pipe(Effect.map(([found]) => found))

const standbysOf = ({ standbys }: Found): string => (standbys === null ? UNREADABLE : String(standbys))

/** What does not hold, with this many standbys waited for. */
export const weaknessesOf = (found: Found, standbys: number): ReadonlyArray<Weakness> => {
  const commits = standbys > 0 ? REPLICATED : LOCAL
  const wanted = [
    ["fsync", found.fsync, "on", found.fsync === "on"],
    ["full_page_writes", found.full_page_writes, "on", found.full_page_writes === "on"],
    [
      "synchronous_commit",
      found.synchronous_commit,
      commits.join(" or "),
      commits.includes(found.synchronous_commit),
    ],
    [
      "synchronous_standby_names",
      found.synchronous_standby_names || "none",
      `${standbys} waited for`,
      waitedFor(found.synchronous_standby_names) >= standbys,
    ],
    [
      "synchronous standbys",
      standbysOf(found),
      String(standbys),
      standbys === 0 || (found.standbys ?? -1) >= standbys,
    ],
    ["recovery", found.recovering ? "on" : "off", "off", !found.recovering],
    ["transaction_read_only", found.read_only, "off", found.read_only === "off"],
  ] as const
  return wanted.flatMap(([setting, value, wanted, holds]) =>
    holds ? [] : [{ server: found.server, setting, found: value, wanted }],
  )
}

/** The settings by which a server keeps what it acknowledges. A promoted server may have others than the one before it. */
export type KeptBy = Pick<
  Found,
  "fsync" | "full_page_writes" | "synchronous_commit" | "synchronous_standby_names"
>

/** Which setting makes a server acknowledge what it may lose; nothing if none does. Its standbys may be away: commits wait for them. */
export const brokenPromise = (settings: KeptBy, standbys: number): string | undefined => {
  const [weakness] = weaknessesOf(
    { ...settings, server: "", read_only: "off", recovering: false, standbys },
    standbys,
  )
  return weakness && `${weakness.setting} is ${weakness.found}, not ${weakness.wanted}`
}

/** How many standbys synchronous_standby_names waits for: `FIRST 2 (a, b)`, `ANY 1 (*)`, `2 (a, b)`, or `a, b` for one. */
const waitedFor = (names: string): number => {
  if (names.trim() === "") return 0
  return Number(/^\s*(?:first\s+|any\s+)?(\d+)\s*\(/i.exec(names)?.[1] ?? 1)
}
