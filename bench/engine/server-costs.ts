/** The cost of paying in the engine's servers, and what it leaves in them. */
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import { readSpent } from "./servers.ts"

/** Counters and levels at one moment; a cost is the difference of two. */
export interface ServerCosts {
  readonly redisCpuSeconds: number
  readonly postgresCpuSeconds: number
  /** Commands, including those inside of functions. */
  readonly commands: number
  /** Calls of functions, which are most of the round trips. */
  readonly functionCalls: number
  readonly memoryBytes: number
  /** The append-only file, which is never rewritten meanwhile. */
  readonly aofBytes: number
}

/** The total cost of paying batches of one shape. */
export interface Cost extends ServerCosts {
  readonly itemsPerBatch: number
  /** Batches open at a time. */
  readonly open: number
  readonly payouts: number
  readonly seconds: number
  readonly engineCpuSeconds: number
  readonly logBytesPerPayout: number
  /** The worker's memory, when everything was paid and garbage was collected. */
  readonly heapBytes: number
  readonly rssBytes: number
  readonly rssMaxBytes: number
}

export interface Servers {
  readonly costs: Effect.Effect<ServerCosts>
  /** The bytes of some keys in Redis together. */
  readonly bytesOf: (keys: ReadonlyArray<string>) => Effect.Effect<number>
}

/** A separate connection to Redis, which closes with the scope; Postgres is found by its data folder. */
export const openServers = Effect.fn("openServers")(function* (
  redisUrl: string,
  postgresFolder: string,
): Effect.fn.Return<Servers, never, Scope.Scope> {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(redisUrl)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )
  yield* Effect.promise(() => redis.config("SET", "auto-aof-rewrite-percentage", 0))
  const costs = Effect.promise(async () => {
    const info = await redis.info("all")
    const of = (field: string) =>
      Number(new RegExp(`^${field}:(?:calls=)?([0-9.]+)`, "m").exec(info)?.[1] ?? 0)
    const { redisCpuSeconds, postgresCpuSeconds, redisCommands } = await readSpent(redis, postgresFolder)
    return {
      redisCpuSeconds,
      postgresCpuSeconds,
      commands: redisCommands,
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
