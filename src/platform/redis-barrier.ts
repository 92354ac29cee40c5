/**
 * The replication barrier: waits until replicas have what a caller was told is written.
 *
 * WAIT looks at the writes of its own connection, and blocks it. But a primary sends its replicas one sequence, so a
 * small write on a connection kept for this purpose, and WAIT behind it, cover everything that this primary did before,
 * whoever asked for it. There is one WAIT at a time to each primary. Callers who come while it is under way share the
 * next one, so thousands of them cost a few.
 *
 * In a failover the caller and the barrier may for a moment speak to different primaries, and a replica that was
 * promoted may lack the end of what its predecessor acknowledged. So each caller brings evidence of what it was told:
 * a read that the barrier makes on its own connection, before the write and WAIT. What it shows, WAIT covers.
 */
import { Effect, type Scope } from "effect"
import { Cluster, type Redis } from "ioredis"
import { groupCommit } from "./group-commit.ts"
import { hashTagOf, primariesOf, type RedisCommands } from "./redis-client.ts"
import { attempt, kindOf, RedisUnavailable } from "./redis-failure.ts"

export interface BarrierOptions {
  /** How many replicas must have it. With none there is nothing to wait for. */
  readonly replicas: number
  readonly timeoutMs: number
}

/** How a primary shows that it has what another connection was told is written. */
export interface Evidence {
  /** Reads keys of the same shard. */
  readonly command: readonly [name: string, ...args: ReadonlyArray<string | number>]
  readonly isIn: (answer: unknown) => boolean
}

/** Resolves once a write to the shard of `key`, of which there is evidence, has reached the replicas. */
export type Barrier = (key: string, evidence: Evidence) => Effect.Effect<void, RedisUnavailable>

interface Caller {
  /** The barrier key of its partition. */
  readonly key: string
  readonly evidence: Evidence
}

type Verdict = Effect.Effect<void, RedisUnavailable>

/** Callers that share one WAIT at most: they are one pipeline, and its answers are in memory together. */
const CALLERS_MAX = 4_096

/**
 * Takes a client of its own, connected. The barrier's failures: NOREPLICAS, FAILED_OVER when the primary does not have
 * what the caller was told, or why a server did not answer.
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

  return Effect.fnUntraced(function* (spokenFor, evidence) {
    const key = barrierKey(spokenFor)
    const shard = yield* attempt(() => shards.of(key))
    const join = joins.get(shard) ?? passTogether(shard)
    joins.set(shard, join)
    yield* yield* join({ key, evidence })
  })
})

/** Looks at all evidence, then writes, then waits for the replicas: nothing that was seen is younger than the write. */
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

/** Which primary serves a key, by a name under which its callers come together. */
interface Shards {
  readonly of: (key: string) => Promise<string>
  readonly primary: (shard: string) => Redis | undefined
  /** After a failure: finds out who serves these keys now. Never fails: the next barrier tells how it went. */
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
    // A plain command is redirected by the client, which then knows better.
    lookAgain: (keys) => Promise.allSettled(keys.map((key) => client.exists(key))),
  }
}

/** One small key for each hash tag, beside the keys that it speaks for. */
const barrierKey = (key: string): string => {
  const tag = `{${hashTagOf(key)}}`
  return `${key.slice(0, Math.max(0, key.indexOf(tag)))}${tag}:barrier`
}
