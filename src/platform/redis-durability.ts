/**
 * Checks the durability of Redis when the service starts. The append to a log is the only commit, so every primary has to
 * keep what it acknowledged: on disk before it answers, never evicted, and with REDIS_REPLICAS replicas. In production, a
 * weaker setting refuses the start; elsewhere it is logged.
 */
import { Effect, Layer, Redacted, Result } from "effect"
import type { Redis } from "ioredis"
import { AppConfig } from "../config.ts"
import { DurabilityTooWeak, UNREADABLE, type Weakness } from "./durability-weakness.ts"
import { RedisConnections } from "./redis.ts"
import { readAddress } from "./redis-address.ts"
import { nameOf } from "./redis-client.ts"
import { kindOf } from "./redis-failure.ts"

const wanted = [
  ["appendonly", "yes"],
  ["appendfsync", "always"],
  ["maxmemory-policy", "noeviction"],
] as const

/** Checks every primary once, logs the guarantees, and refuses those that are too weak for production. */
export const durabilityLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { production, redis } = yield* AppConfig
    const { onEachPrimary } = yield* RedisConnections
    const found = yield* onEachPrimary((primary) => examine(primary, redis.replicas))
    const reliesOn = found.map(({ server, promises }) => `${server}: ${promises}`).sort()
    yield* Effect.logInfo("redis durability", { servers: reliesOn.join("; ") })
    const weaknesses = [...topologyWeakness(redis), ...found.flatMap(({ weaknesses }) => weaknesses)]
    const refusing = weaknesses.filter(
      ({ found }) => !found.startsWith(UNREADABLE) || !redis.durabilityVouched,
    )
    if (production && refusing.length > 0)
      return yield* new DurabilityTooWeak({ store: "Redis", weaknesses: refusing })
    yield* Effect.forEach(weaknesses, (weakness) => Effect.logWarning("redis durability", weakness), {
      discard: true,
    })
  }),
)

const CONFIG_FORBIDDEN = `${UNREADABLE}: CONFIG is not allowed`

/** If a replica may be promoted, writes that did not wait for a replica may be lost with the primary. */
const topologyWeakness = ({ url, replicas }: AppConfig["Service"]["redis"]): ReadonlyArray<Weakness> => {
  const topology = Result.match(readAddress(Redacted.value(url)), {
    onSuccess: ({ topology }) => topology,
    onFailure: () => "standalone" as const,
  })
  if (topology === "standalone" || replicas > 0) return []
  return [{ server: `the ${topology}`, setting: "REDIS_REPLICAS", found: "0", wanted: "1 or more" }]
}

interface Examined {
  readonly server: string
  readonly promises: string
  readonly weaknesses: ReadonlyArray<Weakness>
}

/** What a primary promises, and what it does not, with this many replicas waited for. It only reads. */
export const examine = async (primary: Redis, replicas: number): Promise<Examined> => {
  const server = nameOf(primary)
  const [settings, info] = await Promise.all([readSettings(primary), primary.info("replication")])
  const online = [...info.matchAll(/^slave\d+:.*state=online/gm)].length
  const weaknesses = [
    ...wanted.map(([setting, wanted]) => ({
      setting,
      found: settings?.get(setting) ?? CONFIG_FORBIDDEN,
      wanted,
    })),
    { setting: "connected replicas", found: String(online), wanted: String(replicas) },
  ].filter(({ setting, found, wanted }) =>
    setting === "connected replicas" ? Number(found) < Number(wanted) : found !== wanted,
  )
  const promised = settings === undefined ? [CONFIG_FORBIDDEN] : [...settings].map((pair) => pair.join(" "))
  return {
    server,
    promises: [...promised, `${online} replicas online, ${replicas} waited for`].join(", "),
    weaknesses: weaknesses.map((weakness) => ({ server, ...weakness })),
  }
}

/** `undefined` if the server does not let its settings be read, as many managed servers do not. */
const readSettings = async (primary: Redis): Promise<ReadonlyMap<string, string> | undefined> => {
  try {
    const flat = (await primary.config("GET", ...wanted.map(([setting]) => setting), "maxmemory")) as string[]
    return new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ""]] : [])))
  } catch (error) {
    if (["ERR", "NOPERM"].includes(kindOf(error))) return undefined
    throw error
  }
}
