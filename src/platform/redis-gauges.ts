/**
 * What Redis says about its memory, its durability and its replicas, as gauges. The service refuses to start in production with weak
 * guarantees (redis-durability.ts); these show what becomes of them while it runs.
 */
import { Effect, Layer } from "effect"
import type { Redis } from "ioredis"
import { AppConfig } from "../config.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"
import { RedisConnections } from "./redis.ts"
import { nameOf } from "./redis-client.ts"
import { kindOf } from "./redis-failure.ts"

const EVERY_MS = 10_000

/** A guarantee, and whether a server keeps it by its `INFO`; `undefined` if it does not say. */
const flags = {
  aof: ({ aof_enabled }) => isIt(aof_enabled, "1"),
  noeviction: ({ maxmemory_policy }) => isIt(maxmemory_policy, "noeviction"),
  aof_write_ok: ({ aof_last_write_status }) => isIt(aof_last_write_status, "ok"),
  rdb_ok: ({ rdb_last_bgsave_status }) => isIt(rdb_last_bgsave_status, "ok"),
  loading: ({ loading }) => isIt(loading, "0"),
} as const satisfies Readonly<Record<string, (info: Info) => boolean | undefined>>

type Info = Readonly<Record<string, string | undefined>>
type Flag = keyof typeof flags | "fsync_always"

const flagNames = Object.keys(flags) as ReadonlyArray<keyof typeof flags>

const isIt = (found: string | undefined, wanted: string): boolean | undefined =>
  found === undefined ? undefined : found === wanted

interface Looked {
  readonly server: string
  readonly memory: number
  readonly memoryMax: number
  readonly replicas: number
  /** What it does not say is left out. */
  readonly flags: ReadonlyMap<Flag, boolean>
}

/** Keeps the gauges up to date. A guarantee holds if it holds on every primary; one that no primary tells of is not shown. */
export const redisGaugesLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { redisDurability, redisMemory, redisMemoryMax, redisReplicas, redisReplicasWanted } =
      yield* Metrics
    redisReplicasWanted.set((yield* AppConfig).redis.replicas)
    const { onEachPrimary } = yield* RedisConnections
    const show = (found: ReadonlyArray<Looked>): void => {
      for (const { server, memory, memoryMax, replicas } of found) {
        redisMemory.set({ server }, memory)
        redisMemoryMax.set({ server }, memoryMax)
        redisReplicas.set({ server }, replicas)
      }
      for (const flag of [...flagNames, "fsync_always"] as const) {
        const answers = found.flatMap(({ flags }) => flags.get(flag) ?? [])
        if (answers.length > 0) redisDurability.set({ flag }, answers.every(Boolean) ? 1 : 0)
      }
    }
    yield* keepReading("redis", EVERY_MS, Effect.map(onEachPrimary(lookAt), show))
  }),
)

const lookAt = async (primary: Redis): Promise<Looked> => {
  const [text, fsync] = await Promise.all([primary.info(), readFsync(primary)])
  const info = fieldsOf(text)
  const known = flagNames.flatMap((flag) => {
    const holds = flags[flag](info)
    return holds === undefined ? [] : [[flag, holds] as const]
  })
  return {
    server: nameOf(primary),
    memory: Number(info.used_memory),
    memoryMax: Number(info.maxmemory),
    replicas: [...text.matchAll(/^slave\d+:.*state=online/gm)].length,
    flags: new Map<Flag, boolean>([
      ...known,
      ...(fsync === undefined ? [] : [["fsync_always", fsync === "always"] as const]),
    ]),
  }
}

const fieldsOf = (text: string): Info =>
  Object.fromEntries(
    [...text.matchAll(/^([a-z0-9_]+):(.*?)\r?$/gm)].map(([, name = "", value]) => [name, value]),
  )

/** `undefined` if the server does not let its settings be read, as many managed servers do not. */
const readFsync = async (primary: Redis): Promise<string | undefined> => {
  try {
    const [, value] = (await primary.config("GET", "appendfsync")) as string[]
    return value
  } catch (error) {
    if (["ERR", "NOPERM"].includes(kindOf(error))) return undefined
    throw error
  }
}
