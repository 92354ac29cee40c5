/**
 * The replication barrier: waits until replicas have what a primary did so far.
 *
 * WAIT looks at the writes of its own connection, and blocks it. But a primary sends its replicas one sequence, so a
 * small write on a connection kept for this purpose, and WAIT behind it, cover everything that was acknowledged
 * before, whoever wrote it. There is one WAIT at a time to each primary. Callers who come while it is under way share
 * the next one, so thousands of them cost a few.
 *
 * A replica that was promoted may lack the end of what its predecessor acknowledged, and would pass the barrier all
 * the same. Such a primary goes on under a new replication id: the first barrier of each partition that meets a
 * replication id it does not know fails, and its callers read their logs again.
 */
import { Effect } from "effect"
import { Cluster, type Redis } from "ioredis"
import { hashTagOf, primariesOf, type RedisCommands } from "./redis-client.ts"
import { attempt, RedisUnavailable } from "./redis-failure.ts"

export interface BarrierOptions {
  /** How many replicas must have it. With none there is nothing to wait for. */
  readonly replicas: number
  readonly timeoutMs: number
}

/** Resolves once everything that was written before to the shard of `key` has reached the replicas. */
export type Barrier = (key: string) => Effect.Effect<void, RedisUnavailable>

/** Takes a client of its own, connected. The barrier's failures: NOREPLICAS, FAILED_OVER, or why a server did not answer. */
export const openBarrier = Effect.fnUntraced(function* (
  client: RedisCommands,
  { replicas, timeoutMs }: BarrierOptions,
): Effect.fn.Return<Barrier, RedisUnavailable> {
  /** The replication ids that each key may be found under. */
  const lineages = new Map<string, ReadonlyArray<string>>()
  const started = yield* Effect.forEach(primariesOf(client), (primary) =>
    attempt(async () => lineageIn(await primary.info("replication"))),
  )

  const pass = async (primary: Redis, keys: ReadonlySet<string>): Promise<void> => {
    const pipeline = primary.pipeline()
    for (const key of keys) pipeline.set(key, "")
    const answers = (await pipeline.wait(replicas, timeoutMs).info("replication").exec()) ?? []
    for (const [error] of answers) if (error !== null) throw error
    const [[, reached], [, info]] = answers.slice(-2) as [[null, number], [null, string]]
    const lineage = lineageIn(info)
    const known = [...keys].every((key) => (lineages.get(key) ?? started).includes(lineage))
    for (const key of keys) lineages.set(key, [lineage])
    if (!known) throw new RedisUnavailable({ reason: "FAILED_OVER" })
    if (reached < replicas) throw new RedisUnavailable({ reason: "NOREPLICAS" })
  }

  const shards = client instanceof Cluster ? clusterShards(client) : oneShard(client)
  const join = groupCommit(async (shard, keys) => {
    const primary = shards.primary(shard)
    try {
      if (primary === undefined) throw new RedisUnavailable({ reason: "NOT_READY" })
      await pass(primary, keys)
    } catch (error) {
      await shards.lookAgain([...keys])
      throw error
    }
  })
  return (key) => attempt(async () => join(await shards.of(barrierKey(key)), barrierKey(key)))
})

/** Which primary serves a key, by a name under which its callers come together. */
interface Shards {
  readonly of: (key: string) => Promise<string>
  readonly primary: (shard: string) => Redis | undefined
  /** After a failure: finds out who serves these keys now. Never fails: the next barrier tells how it went. */
  readonly lookAgain: (keys: ReadonlyArray<string>) => Promise<void>
}

const oneShard = (client: Redis): Shards => ({
  of: async () => "",
  primary: () => client,
  lookAgain: async () => undefined,
})

const clusterShards = (client: Cluster): Shards => {
  const slots = new Map<string, number>()
  const slotOf = async (key: string): Promise<number> => {
    const slot = slots.get(key) ?? Number(await client.cluster("KEYSLOT", key))
    slots.set(key, slot)
    return slot
  }
  return {
    of: async (key) => client.slots[await slotOf(key)]?.[0] ?? "",
    primary: (shard) =>
      primariesOf(client).find(({ options }) => `${options.host}:${options.port}` === shard),
    // A plain command is redirected by the client, which then knows better.
    lookAgain: async (keys) => {
      await Promise.allSettled(keys.map((key) => client.exists(key)))
    },
  }
}

/** Who asks while a commit of the same name is under way waits for the next one, together with all the others. */
const groupCommit = (commit: (name: string, keys: ReadonlySet<string>) => Promise<void>) => {
  const waiting = new Map<string, { readonly keys: Set<string>; readonly done: Promise<void> }>()
  const underWay = new Map<string, Promise<void>>()
  const begin = (name: string) => {
    const keys = new Set<string>()
    const done = (underWay.get(name) ?? Promise.resolve()).then(() => {
      waiting.delete(name)
      return commit(name, keys)
    })
    const over = done
      .catch(() => undefined)
      .finally(() => {
        if (underWay.get(name) === over) underWay.delete(name)
      })
    underWay.set(name, over)
    waiting.set(name, { keys, done })
    return { keys, done }
  }
  return (name: string, key: string): Promise<void> => {
    const { keys, done } = waiting.get(name) ?? begin(name)
    keys.add(key)
    return done
  }
}

/** One small key for each hash tag, beside the keys that it speaks for. */
const barrierKey = (key: string): string => {
  const tag = `{${hashTagOf(key)}}`
  return `${key.slice(0, Math.max(0, key.indexOf(tag)))}${tag}:barrier`
}

const lineageIn = (info: string): string => /^master_replid:(\w+)/m.exec(info)?.[1] ?? ""
