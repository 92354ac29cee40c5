/** Checks that need several stores: clocks, followers' cursors, unlinked logs, items that wait for a person, and the vault. */
import { Effect } from "effect"
import { primariesOf } from "../platform/redis-client.ts"
import { kindOf } from "../platform/redis-failure.ts"
import { partitionKeys } from "../streams/partition.ts"
import { readFeed, type StreamEntry } from "../streams/stream-entry.ts"
import { keyWrapping } from "../vault/key-wrapping.ts"
import { type Check, type NotSeen, ok, problem, type Seen, unknown, warning } from "./check.ts"
import type { CheckName } from "./finding.ts"
import { type Targets, withTarget } from "./targets.ts"

/** Entries that are read after a cursor, to see whether there are any. */
const BEHIND_MAX = 1
const LAG_WARNING_MS = 60_000
const LAG_PROBLEM_MS = 600_000
const OPEN_BATCHES_MAX = 1_000
const WAITING_WARNING_S = 4 * 3_600
const KEYS_MAX = 10_000

type Looked = Effect.Effect<Seen, NotSeen>

/** The checks that compare stores. `followers` are the names of the cursors of projector and publisher. */
export const storeChecks = (
  targets: Targets,
  followers: { readonly projector: string; readonly publisher: string },
): ReadonlyArray<Check> => [
  { name: "clocks", look: clocks(targets) },
  { name: "cursors", look: cursors(targets, Object.values(followers)) },
  lag(targets, "projector-lag", followers.projector, "projector"),
  lag(targets, "publisher-lag", followers.publisher, "publisher"),
  { name: "archive-counts", look: archiveCounts(targets) },
  { name: "waiting-items", look: waitingItems(targets) },
  { name: "vault-keys", look: vaultKeys(targets) },
]

const asked = <A>(ask: () => Promise<A>) =>
  Effect.tryPromise({ try: ask, catch: (error): NotSeen => ({ message: `Redis answers ${kindOf(error)}` }) })

/** By how much a clock differs at least, if it was read between two moments of ours; in milliseconds. */
const offsetOf = (now: number, askedAt: number, answeredAt: number): number =>
  Math.max(0, askedAt - now, now - answeredAt)

const clocks = ({ redis, query, settings: { clockOffsetMsMax } }: Targets): Looked =>
  Effect.gen(function* () {
    const ofRedis = withTarget(redis, (client) =>
      Effect.forEach(primariesOf(client), (primary) =>
        asked(async () => {
          const askedAt = Date.now()
          const [seconds, micros] = await primary.time()
          return {
            store: "Redis",
            offset: offsetOf(Number(seconds) * 1_000 + Number(micros) / 1_000, askedAt, Date.now()),
          }
        }),
      ),
    )
    const ofPostgres = withTarget(query, (query) =>
      Effect.gen(function* () {
        const askedAt = Date.now()
        const [row] = yield* query(
          "read the clock",
          (sql) =>
            sql<Array<{ now: string }>>`select (extract(epoch from clock_timestamp()) * 1000)::text as now`,
        )
        return [{ store: "Postgres", offset: offsetOf(Number(row?.now), askedAt, Date.now()) }]
      }),
    )
    const none = () =>
      Effect.succeed([] as ReadonlyArray<{ readonly store: string; readonly offset: number }>)
    const found = [...(yield* Effect.catch(ofRedis, none)), ...(yield* Effect.catch(ofPostgres, none))]
    if (found.length === 0) return yield* Effect.fail({ message: "no store can be reached" })
    const seen = found.map(({ store, offset }) => `${store} differs by ${Math.round(offset)} ms`).join(", ")
    const most = Math.max(...found.map(({ offset }) => offset))
    const todo = "Synchronise the clocks of the machines (NTP): beyond CLOCK_OFFSET_MS_MAX nobody is paid."
    if (most > clockOffsetMsMax) return problem(seen, todo)
    return most > clockOffsetMsMax / 2 ? warning(seen, todo) : ok(seen)
  })

interface Cursor {
  readonly partition: number
  readonly position: string
  readonly head: string | null
}

const START = "0-0"

/** The cursors of some followers. */
const standing = ({ query }: Targets, followers: ReadonlyArray<string>) =>
  withTarget(query, (query) =>
    query(
      "read cursors",
      (sql) => sql<Array<Cursor>>`
        select partition, position, case when head_position = position then head end as head
        from projection_checkpoints where projection = any(${[...followers]})`,
    ),
  )

const entriesAfter = ({ redis, settings }: Targets, { partition, position }: Cursor) =>
  withTarget(redis, (client) =>
    asked(
      async () =>
        (await client.xrange(
          partitionKeys(settings.prefix, partition).feed,
          position === START ? "-" : position,
          "+",
          "COUNT",
          position === START ? BEHIND_MAX : BEHIND_MAX + 1,
        )) as ReadonlyArray<StreamEntry>,
    ),
  )

/** Whether each cursor still stands at the entry at which it stood. If not, a store has lost history. */
const cursors = (targets: Targets, followers: ReadonlyArray<string>): Looked =>
  Effect.gen(function* () {
    const all = yield* standing(targets, followers)
    const strange = all.filter(({ partition }) => partition >= targets.settings.partitions)
    if (strange.length > 0)
      return problem(
        `cursors of partition ${strange[0]?.partition}, and PARTITIONS is ${targets.settings.partitions}`,
        "Set PARTITIONS as it was when the deployment was created.",
      )
    const lost = yield* Effect.filter(
      all.filter(({ position }) => position !== START),
      (cursor) => Effect.map(isLost(targets, cursor), (isLost) => isLost),
      { concurrency: 16 },
    )
    const partitions = [...new Set(lost.map(({ partition }) => partition))].sort((a, b) => a - b)
    return partitions.length === 0
      ? ok(`${all.length} cursors stand where they stood`)
      : problem(
          `history was lost in ${partitions.length} partitions: ${partitions.slice(0, 10).join(", ")}; nobody is paid there`,
          "atlaspay history show; then follow docs/architecture/stores.md.",
        )
  })

/** A follower may move on, and the feed be trimmed behind it, while we look: then its cursor has moved. */
const isLost = (targets: Targets, cursor: Cursor) =>
  Effect.gen(function* () {
    const entries = yield* entriesAfter(targets, cursor)
    const read = readFeed(cursor.position, cursor.head ?? undefined, entries)
    return read._tag === "Failure"
  })

const lag = (targets: Targets, name: CheckName, follower: string, role: string): Check => ({
  name,
  look: Effect.gen(function* () {
    const known = new Map((yield* standing(targets, [follower])).map((cursor) => [cursor.partition, cursor]))
    const waits = yield* Effect.forEach(
      Array.from({ length: targets.settings.partitions }, (_, partition) => partition),
      (partition) => {
        const cursor = known.get(partition) ?? { partition, position: START, head: null }
        return Effect.map(entriesAfter(targets, cursor), (entries) => {
          const first = entries.find(([id]) => id !== cursor.position)
          return first === undefined ? 0 : Date.now() - Number(first[0].split("-")[0])
        })
      },
      { concurrency: 16 },
    )
    const oldest = Math.max(0, ...waits)
    const seen = oldest === 0 ? "nothing waits" : `the oldest entry waits for ${Math.round(oldest / 1_000)} s`
    const todo = `Look whether a process with the role ${role} runs, and what it logs.`
    if (oldest > LAG_PROBLEM_MS) return problem(seen, todo)
    return oldest > LAG_WARNING_MS ? warning(seen, todo) : ok(seen)
  }),
})

/** Whether Redis and the archive count unlinked logs alike. Both move, so what differs is only a reason to look closer. */
const archiveCounts = ({ redis, query, settings }: Targets): Looked =>
  Effect.gen(function* () {
    const archived = yield* withTarget(query, (query) =>
      query(
        "read the counts of the archive",
        (sql) => sql<Array<{ partition: number; unlinked: number; unlinking: number }>>`
          select partition, unlinked::float8 as unlinked, unlinking::float8 as unlinking from archive_counts`,
      ),
    )
    const counts = new Map(archived.map((count) => [count.partition, count]))
    const differing = yield* withTarget(redis, (client) =>
      Effect.filter(
        Array.from({ length: settings.partitions }, (_, partition) => partition),
        (partition) =>
          asked(async () => {
            const keys = partitionKeys(settings.prefix, partition)
            const unlinked = Number((await client.hget(keys.archived, "unlinked")) ?? 0)
            const restored = await client.zcard(keys.restored)
            const { unlinked: least = 0, unlinking = 0 } = counts.get(partition) ?? {}
            return least > unlinked + restored || unlinked > least + unlinking
          }),
        { concurrency: 16 },
      ),
    )
    return differing.length === 0
      ? ok("Redis and the archive count the same")
      : problem(
          `Redis and the archive count unlinked logs differently in partitions ${differing.slice(0, 10).join(", ")}`,
          "Unless it is gone in a minute, a store came back older: atlaspay history show (docs/architecture/stores.md).",
        )
  })

/** Items of open batches that wait for a person or for a bank's word, and for how long. */
const waitingItems = ({ redis, query, settings }: Targets): Looked =>
  Effect.gen(function* () {
    const open = yield* withTarget(redis, (client) =>
      asked(() =>
        Promise.all(
          Array.from({ length: settings.partitions }, (_, partition) =>
            client.zrange(
              partitionKeys(settings.prefix, partition).open,
              0,
              String(Math.ceil(OPEN_BATCHES_MAX / settings.partitions)),
            ),
          ),
        ),
      ),
    )
    const rows = yield* withTarget(query, (query) =>
      query(
        "look at items that wait",
        (sql) => sql<Array<{ state: string; count: number; age: number }>>`
          select state, count(*)::int as count, extract(epoch from now() - min(updated_at))::float8 as age
          from payout_items where batch = any(${open.flat()}) and state in ('parked', 'held', 'unknown')
          group by state order by state`,
      ),
    )
    const seen = rows.map(
      ({ state, count, age }) => `${count} ${state}, the oldest for ${Math.round(age / 60)} min`,
    )
    if (rows.length === 0) return ok("none are parked, held or unknown")
    return rows.some(({ state, age }) => state === "parked" || age > WAITING_WARNING_S)
      ? warning(
          seen.join("; "),
          "An operator has to decide: atlaspay batches list, and POST …/resolution or …/review (docs/API.md).",
        )
      : ok(seen.join("; "))
  })

/** Whether the master keys unwrap all partners' keys. Otherwise accounts that they sealed cannot be opened. */
const vaultKeys = ({ redis, settings: { prefix, masterKeys } }: Targets): Looked =>
  withTarget(redis, (client) =>
    Effect.gen(function* () {
      const partners = (yield* asked(() => client.smembers(`${prefix}:keys`))).slice(0, KEYS_MAX)
      if (masterKeys === undefined)
        return unknown("MASTER_KEYS is not set here", "Run it with the settings of the service.")
      const { unwrap } = keyWrapping(masterKeys)
      const broken = yield* Effect.filter(
        partners,
        (partner) =>
          asked(async () => {
            const { made: _, forgotten, ...wrapped } = await client.hgetall(`${prefix}:keys:${partner}`)
            if (forgotten !== undefined) return false
            return Object.entries(wrapped).some(([id, text]) => typeof unwrap(partner, id, text) === "string")
          }),
        { concurrency: 16 },
      )
      return broken.length === 0
        ? ok(`the keys of ${partners.length} partners unwrap`)
        : problem(
            `keys of ${broken.length} of ${partners.length} partners do not unwrap, such as those of ${broken[0]}`,
            "Put the master key that wrapped them back into MASTER_KEYS; atlaspay keys list names it.",
          )
    }),
  )
