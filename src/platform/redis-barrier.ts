/**
 * The replication barrier: waits until replicas have a write that Redis acknowledged to a caller.
 *
 * WAIT covers only the writes of its own connection, and blocks it. But a primary replicates one sequence of writes. So a
 * small write on a dedicated connection, followed by WAIT, covers all earlier writes of this primary, from any
 * connection. Each primary gets one WAIT at a time. Callers that arrive during a WAIT share the next one, so thousands of
 * callers cost few WAITs.
 *
 * During a failover, caller and barrier may use different primaries for a moment, and a promoted replica may lack the
 * last writes that its predecessor acknowledged. So each caller gives evidence of its write: a read that the barrier
 * makes on its own connection before the write and WAIT. WAIT covers what the read shows.
 */
import { Effect, type Scope } from "effect"
import { Cluster, type Redis } from "ioredis"
import { groupCommit } from "./group-commit.ts"
import { hashTagOf, primariesOf, type RedisCommands } from "./redis-client.ts"
import { attempt, kindOf, RedisUnavailable } from "./redis-failure.ts"

export interface BarrierOptions {
  /** How many replicas must have the write; at least 1. */
  readonly replicas: number
  readonly timeoutMs: number
}

/** Evidence that a primary has a write which was acknowledged on another connection. */
export interface Evidence {
  /** A read of keys of the same shard. */
  readonly command: readonly [name: string, ...args: ReadonlyArray<string | number>]
  readonly isIn: (answer: unknown) => boolean
}

/** Resolves once the write that `evidence` proves, to the shard of `key`, has reached the replicas. */
export type Barrier = (key: string, evidence: Evidence) => Effect.Effect<void, RedisUnavailable>

interface Caller {
  /** The barrier key of its partition. */
  readonly key: string
  readonly evidence: Evidence
}

type Verdict = Effect.Effect<void, RedisUnavailable>

/** The most callers that share one WAIT. They form one pipeline, whose answers are in memory together. */
const CALLERS_MAX = 4_096

/**
 * Needs a connected client of its own. The barrier fails with NOREPLICAS, with FAILED_OVER if the primary does not have the
 * write, or with the reason why a server did not answer.
 */
export const openBarrier = Effect.fnUntraced(function* (
  client: RedisCommands,
  options: BarrierOptions,
): Effect.fn.Return<Barrier, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const shards = client instanceof Cluster ? clusterShards(client) : oneShard(client)

  const passTogether = (shard: string) =>
    groupCommit(
      scope,
      (callers: ReadonlyArray<Caller>) =>
        attempt(async () => {
          const primary = shards.primary(shard)
          if (primary === undefined) throw new RedisUnavailable({ reason: "NOT_READY" })
          return await pass(primary, callers, options)
        }).pipe(Effect.tapError(() => Effect.promise(() => shards.lookAgain(keysOf(callers))))),
      CALLERS_MAX,
    )
  const joins = new Map<string, ReturnType<typeof passTogether>>()

  return Effect.fnUntraced(function* (written, evidence) {
    const key = barrierKey(written)
    const shard = yield* attempt(() => shards.of(key))
    const join = joins.get(shard) ?? passTogether(shard)
    joins.set(shard, join)
    yield* yield* join({ key, evidence })
  })
})

/** Reads all evidence, then writes, then waits for the replicas. So everything that was read is older than the write. */
const pass = async (
  primary: Redis,
  callers: ReadonlyArray<Caller>,
  { replicas, timeoutMs }: BarrierOptions,
): Promise<ReadonlyArray<Verdict>> => {
  const pipeline = primary.pipeline()
  for (const { evidence } of callers) pipeline.call(...evidence.command)
  for (const key of keysOf(callers)) pipeline.set(key, "")
  const answers = (await pipeline.wait(replicas, timeoutMs).exec()) ?? []
  for (const [error] of answers.slice(callers.length)) if (error !== null) throw error
  const reached = Number(answers.at(-1)?.[1])
  return callers.map(({ evidence }, index) => {
    const [error, answer] = answers[index] ?? []
    if (error) return Effect.fail(new RedisUnavailable({ reason: kindOf(error) }))
    if (!evidence.isIn(answer)) return Effect.fail(new RedisUnavailable({ reason: "FAILED_OVER" }))
    return reached < replicas ? Effect.fail(new RedisUnavailable({ reason: "NOREPLICAS" })) : Effect.void
  })
}

const keysOf = (callers: ReadonlyArray<Caller>): ReadonlyArray<string> => [
  ...new Set(callers.map(({ key }) => key)),
]

/** Which primary serves a key. Callers of the same shard share a WAIT. */
interface Shards {
  readonly of: (key: string) => Promise<string>
  readonly primary: (shard: string) => Redis | undefined
  /** After a failure, finds out which primaries serve these keys now. Never fails: the next barrier reports a failure. */
  readonly lookAgain: (keys: ReadonlyArray<string>) => Promise<unknown>
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
    // A cluster client follows the redirection of a plain command, and updates its slots by it.
    lookAgain: (keys) => Promise.allSettled(keys.map((key) => client.exists(key))),
  }
}

/** The key that the barrier writes: one small key per hash tag, in the slot of the keys that it covers. */
const barrierKey = (key: string): string => {
  const tag = `{${hashTagOf(key)}}`
  return `${key.slice(0, Math.max(0, key.indexOf(tag)))}${tag}:barrier`
}
