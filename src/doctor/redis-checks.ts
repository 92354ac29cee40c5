/** Checks of Redis: version, durability, memory, and what the service keeps there. */
import { Effect, Result } from "effect"
import type { Redis } from "ioredis"
import { UNREADABLE } from "../platform/durability-weakness.ts"
import { nameOf, primariesOf, type RedisCommands } from "../platform/redis-client.ts"
import { examine } from "../platform/redis-durability.ts"
import { kindOf } from "../platform/redis-failure.ts"
import { partitionKeys } from "../streams/partition.ts"
import { type Check, ok, problem, type Seen, unknown, warning } from "./check.ts"
import { type DoctorSettings, type Targets, withTarget } from "./targets.ts"

/** Functions (FUNCTION LOAD) came with 7.0. */
const MAJOR_MIN = 7
const MEMORY_WARNING = 0.75
const MEMORY_PROBLEM = 0.9
/** A batch that has been due for this long, and that no worker has, is late. */
const OVERDUE_MS = 60_000

/** The checks that look at Redis. */
export const redisChecks = ({ redis, settings }: Targets): ReadonlyArray<Check> => [
  { name: "redis", look: Result.match(redis, { onSuccess: versions, onFailure: unreachable }) },
  { name: "redis-durability", look: withTarget(redis, (client) => durability(client, settings)) },
  { name: "redis-memory", look: withTarget(redis, memory) },
  { name: "run-queue", look: withTarget(redis, (client) => runQueue(client, settings)) },
  { name: "stray-callbacks", look: withTarget(redis, (client) => strays(client, settings)) },
]

const asked = <A>(ask: () => Promise<A>) =>
  Effect.tryPromise({ try: ask, catch: (error) => ({ message: `Redis answers ${kindOf(error)}` }) })

const onEach = <A>(client: RedisCommands, ask: (primary: Redis) => Promise<A>) =>
  asked(() => Promise.all(primariesOf(client).map(ask)))

const unreachable = ({ message }: { readonly message: string }) =>
  Effect.succeed(
    problem(
      `cannot be reached: ${message}`,
      "Start Redis, or correct REDIS_URL: without it nothing is accepted and nobody is paid (docs/architecture/crashes.md).",
    ),
  )

/** A field of INFO. */
const fieldOf = (info: string, name: string): string =>
  new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? ""

const versions = (client: RedisCommands): Effect.Effect<Seen, { readonly message: string }> =>
  Effect.map(
    onEach(client, async (primary) => ({
      server: nameOf(primary),
      version: fieldOf(await primary.info("server"), "redis_version"),
      persistence: await primary.info("persistence"),
    })),
    (found) => {
      const seen = found.map(({ server, version }) => `${server} ${version}`).join(", ")
      if (found.some(({ version }) => Number.parseInt(version, 10) < MAJOR_MIN))
        return problem(seen, `Upgrade Redis to ${MAJOR_MIN}.0 or newer.`)
      const failing = ["aof_last_write_status", "rdb_last_bgsave_status"].filter((field) =>
        found.some(({ persistence }) => fieldOf(persistence, field) === "err"),
      )
      if (failing.length > 0)
        return problem(
          `${seen}; ${failing.join(", ")}: err`,
          "Look at the log and the disk of Redis: it cannot write what it acknowledges.",
        )
      return ok(seen)
    },
  )

const durability = (client: RedisCommands, { redisReplicas, production }: DoctorSettings) =>
  Effect.map(
    onEach(client, (primary) => examine(primary, redisReplicas)),
    (found): Seen => {
      const weaknesses = found.flatMap(({ weaknesses }) => weaknesses)
      if (weaknesses.length === 0) return ok(found.map(({ promises }) => promises).join("; "))
      const seen = weaknesses.map(({ setting, found, wanted }) => `${setting} ${found}, wanted ${wanted}`)
      const todo = "Change the settings of Redis as docs/architecture/topologies.md says."
      if (weaknesses.every(({ found }) => found.startsWith(UNREADABLE)))
        return unknown(seen.join("; "), "Ask whoever runs Redis; DURABILITY_VOUCHED=true vouches for it.")
      return (production ? problem : warning)(seen.join("; "), todo)
    },
  )

const memory = (client: RedisCommands) =>
  Effect.map(
    onEach(client, async (primary) => {
      const info = await primary.info("memory")
      return { used: Number(fieldOf(info, "used_memory")), max: Number(fieldOf(info, "maxmemory")) }
    }),
    (found): Seen => {
      const seen = found
        .map(({ used, max }) => `${mebibytes(used)} of ${max === 0 ? "no limit" : mebibytes(max)}`)
        .join(", ")
      const fullest = Math.max(...found.map(({ used, max }) => (max === 0 ? 0 : used / max)))
      const todo =
        "Give Redis more memory, or archive sooner (ARCHIVE_UNLINK_AFTER_MS): when it is full, nothing is accepted."
      if (fullest >= MEMORY_PROBLEM) return problem(seen, todo)
      return fullest >= MEMORY_WARNING ? warning(seen, todo) : ok(seen)
    },
  )

/** A number of bytes for people. */
export const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`

/** Batches that are long due, and that no worker has: none runs, or none has room. */
const runQueue = (client: RedisCommands, { prefix, partitions }: DoctorSettings) =>
  Effect.gen(function* () {
    const until = Date.now() - OVERDUE_MS
    const counts = yield* asked(() =>
      Promise.all(
        Array.from({ length: partitions }, async (_, partition) => {
          const { timers, open, ready } = partitionKeys(prefix, partition)
          const [overdue, opened, oldest] = await Promise.all([
            client.zcount(timers, "-inf", until),
            client.zcard(open),
            oldestWaiting(client, ready),
          ])
          return { overdue, opened, isLate: oldest !== undefined && oldest < until }
        }),
      ),
    )
    const overdue = counts.reduce((sum, one) => sum + one.overdue, 0)
    const open = counts.reduce((sum, one) => sum + one.opened, 0)
    const late = counts.filter(({ isLate }) => isLate).length
    const seen = `${open} open batches; ${overdue} to be woken and ${late} queues wait for more than ${OVERDUE_MS / 1_000} s`
    return overdue + late === 0
      ? ok(seen)
      : problem(
          seen,
          "Look whether workers run, and what they log: atlaspay serve --roles worker starts one.",
        )
  })

/** When the oldest entry that no worker has taken was added, in epoch milliseconds. */
const oldestWaiting = async (client: RedisCommands, ready: string): Promise<number | undefined> => {
  if ((await client.exists(ready)) === 0) return undefined
  const groups = (await client.xinfo("GROUPS", ready)) as ReadonlyArray<ReadonlyArray<unknown>>
  const fields = groups.find((group) => group.includes("workers")) ?? []
  const delivered = String(fields[fields.indexOf("last-delivered-id") + 1] ?? "0-0")
  const [next] = await client.xrange(ready, `(${delivered}`, "+", "COUNT", 1)
  return next === undefined ? undefined : Number(next[0].split("-")[0])
}

const strays = (client: RedisCommands, { prefix }: DoctorSettings) =>
  Effect.map(
    asked(() => client.zcard(`${prefix}:strays`)),
    (count): Seen =>
      count === 0
        ? ok("none")
        : warning(
            `${count} callbacks match nothing of ours`,
            "atlaspay callbacks shows them; ask the provider.",
          ),
  )
