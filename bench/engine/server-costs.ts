/** What Redis and Postgres spend, by their own account and the kernel's. Works where they run on this machine. */
import { readFileSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import postgres from "postgres"

/** Counters and levels at one moment; what something cost is the difference of two. */
export interface ServerCosts {
  readonly redisCpuSeconds: number
  readonly postgresCpuSeconds: number
  /** Commands, those inside of functions among them. */
  readonly commands: number
  /** Calls of functions: most of the round trips. */
  readonly functionCalls: number
  readonly memoryBytes: number
  /** The append-only file, which is never rewritten meanwhile. */
  readonly aofBytes: number
}

/** What paying batches of one shape cost altogether. */
export interface Cost extends ServerCosts {
  readonly itemsPerBatch: number
  /** Batches open at a time. */
  readonly open: number
  readonly payouts: number
  readonly seconds: number
  readonly engineCpuSeconds: number
  readonly logBytesPerPayout: number
  /** Of the worker, when all was paid and garbage was collected. */
  readonly heapBytes: number
  readonly rssBytes: number
  readonly rssMaxBytes: number
}

export interface Servers {
  readonly costs: Effect.Effect<ServerCosts>
  /** Bytes that some keys take in Redis together. */
  readonly bytesOf: (keys: ReadonlyArray<string>) => Effect.Effect<number>
}

/** The kernel's clock ticks: 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** Connections of their own to both servers, for the life of the scope. */
export const openServers = Effect.fn("openServers")(function* (
  redisUrl: string,
  databaseUrl: string,
): Effect.fn.Return<Servers, never, Scope.Scope> {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(redisUrl)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(databaseUrl, { max: 1 })),
    (sql) => Effect.promise(() => sql.end()),
  )
  yield* Effect.promise(() => redis.config("SET", "auto-aof-rewrite-percentage", 0))
  const costs = Effect.promise(async () => {
    const info = await redis.info("all")
    const of = (field: string) =>
      Number(new RegExp(`^${field}:(?:calls=)?([0-9.]+)`, "m").exec(info)?.[1] ?? 0)
    const backends = await sql<Array<{ pid: number }>>`select pid from pg_stat_activity`
    return {
      redisCpuSeconds: of("used_cpu_user") + of("used_cpu_sys"),
      postgresCpuSeconds: backends.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
      commands: of("total_commands_processed"),
      functionCalls: of("cmdstat_fcall"),
      memoryBytes: of("used_memory"),
      aofBytes: of("aof_current_size"),
    }
  })
  const bytesOf = (keys: ReadonlyArray<string>) =>
    Effect.promise(async () => {
      let bytes = 0
      for (const key of keys) bytes += (await redis.memory("USAGE", key, "SAMPLES", 0)) ?? 0
      return bytes
    })
  return { costs, bytesOf }
})

/** User and system time of a process; 0 when it is gone. The name in front may hold anything, so fields follow its `)`. */
const cpuSecondsOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return 0
    throw error
  }
}

/** What was spent between two moments. */
export const spent = (before: ServerCosts, after: ServerCosts): ServerCosts => ({
  redisCpuSeconds: after.redisCpuSeconds - before.redisCpuSeconds,
  postgresCpuSeconds: after.postgresCpuSeconds - before.postgresCpuSeconds,
  commands: after.commands - before.commands,
  functionCalls: after.functionCalls - before.functionCalls,
  memoryBytes: after.memoryBytes - before.memoryBytes,
  aofBytes: after.aofBytes - before.aofBytes,
})
