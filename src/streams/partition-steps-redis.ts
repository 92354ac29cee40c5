/** What the ports of the streams share on Redis: keys, calls of functions, and the wait for replicas. */
import { Effect } from "effect"
import type { ChainableCommander } from "ioredis"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import type { RedisCommands } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { inTime } from "./deadline.ts"
import { type Call, openLibrary } from "./function-library-redis.ts"
import { partitionKeys, partitionOf } from "./partition.ts"
import { requirePartitionCount } from "./partition-count-redis.ts"
import type { StreamEntry } from "./stream-entry.ts"

export type PartitionKeys = ReturnType<typeof partitionKeys>

export interface PartitionSteps {
  readonly connections: RedisConnections["Service"]
  readonly commands: RedisCommands
  /** The limits of mailboxes and of a partner's share of the run queue. */
  readonly limits: Readonly<Record<"mailboxMax" | "partnerShare", number>>
  readonly partitionOf: (batch: BatchId) => number
  /** The keys of each partition, by its number. */
  readonly partitions: ReadonlyArray<PartitionKeys>
  readonly keysAt: (partition: number) => PartitionKeys
  readonly keysOf: (batch: BatchId) => PartitionKeys
  readonly call: (...of: Parameters<Call>) => Effect.Effect<unknown, StoreUnavailable>
  /** Whether {@link replicated} waits for anything. */
  readonly isReplicated: boolean
  /** Waits for replicas, so that a failover cannot lose what others were informed of. */
  readonly replicated: (
    ...of: Parameters<RedisConnections["Service"]["replicated"]>
  ) => Effect.Effect<void, StoreUnavailable>
}

/** Loads the functions, and checks the number of partitions. */
export const openPartitions = Effect.gen(function* () {
  const connections = yield* RedisConnections
  const { prefix, partitions: count, replicas, ...limits } = (yield* AppConfig).redis
  const { commands } = connections
  const callLibrary = yield* openLibrary(connections).pipe(unavailable("load"))
  yield* requirePartitionCount(commands, prefix, count).pipe(
    Effect.catchTag(
      "RedisUnavailable",
      ({ reason }) => new StoreUnavailable({ store: "redis", step: "check PARTITIONS", reason }),
    ),
  )
  const partitions = Array.from({ length: count }, (_, partition) => partitionKeys(prefix, partition))
  const keysAt = (partition: number): PartitionKeys =>
    partitions[partition] ?? partitionKeys(prefix, partition)
  const steps: PartitionSteps = {
    connections,
    commands,
    limits,
    partitionOf: (batch) => partitionOf(batch, count),
    partitions,
    isReplicated: replicas > 0,
    keysAt,
    keysOf: (batch) => keysAt(partitionOf(batch, count)),
    call: (name, keys, args) => callLibrary(name, keys, args).pipe(unavailable(name)),
    replicated: (key, evidence) => connections.replicated(key, evidence).pipe(unavailable("replicate")),
  }
  return steps
})

/** Turns a failure of Redis into one of the store, with the step that failed. */
export const unavailable = (step: string) =>
  Effect.mapError(
    (error: RedisUnavailable) => new StoreUnavailable({ store: "redis", step, reason: error.reason }),
  )

/** Entries of a stream from an id on, in order. */
export const range = ({ commands }: PartitionSteps, stream: string, from: string, limit: number) =>
  attempt(() => commands.xrange(stream, from, "+", "COUNT", limit)).pipe(
    unavailable("read"),
  ) as Effect.Effect<ReadonlyArray<StreamEntry>, StoreUnavailable>

/**
 * Runs a step on all partitions. If one fails or does not answer, the others still run, because they are on different
 * servers; then this fails.
 */
export const onAll = <A, B>(
  all: Iterable<A>,
  each: (one: A) => Effect.Effect<B, StoreUnavailable>,
): Effect.Effect<ReadonlyArray<B>, StoreUnavailable> =>
  Effect.flatMap(
    Effect.forEach(all, (one) => Effect.exit(inTime(each(one))), { concurrency: "unbounded" }),
    (exits) => Effect.all(exits),
  )

/**
 * The answers to a short read of each; `undefined` where none came in time. All reads go out as one text; on a cluster, as
 * one for each.
 */
export const readings = <A>(
  commands: RedisCommands,
  all: ReadonlyArray<A>,
  read: (pipeline: ChainableCommander, one: A) => ChainableCommander,
): Effect.Effect<ReadonlyArray<unknown>> => {
  const readTogether = async (some: ReadonlyArray<A>): Promise<ReadonlyArray<unknown>> => {
    const answers = await some.reduce(read, commands.pipeline()).exec()
    return some.map((_, index) => {
      const [error, answer] = answers?.[index] ?? []
      return error === null ? answer : undefined
    })
  }
  const groups = commands.isCluster ? all.map((one) => [one]) : [all]
  return Effect.promise(() => Promise.allSettled(groups.map(readTogether))).pipe(
    inTime,
    Effect.map((read) =>
      read.flatMap((group, index) =>
        group.status === "fulfilled" ? group.value : (groups[index] ?? []).map(() => undefined),
      ),
    ),
    Effect.catchTag("StoreUnavailable", () => Effect.succeed(all.map(() => undefined))),
  )
}

/**
 * Those of which a key exists, as a sorted set does that has members, or that do not answer in time. Off a cluster one command shows
 * that none does.
 */
export const whereAny = <A>(
  commands: RedisCommands,
  all: ReadonlyArray<A>,
  keyOf: (one: A) => string,
): Effect.Effect<ReadonlyArray<A>> => {
  const each = () =>
    wherever(
      commands,
      all,
      (pipeline, one) => pipeline.exists(keyOf(one)),
      (count) => Number(count) > 0,
    )
  if (commands.isCluster) return each()
  return Effect.flatMap(
    readings(commands, [all], (pipeline, all) => pipeline.exists(...all.map(keyOf))),
    ([count]) => (count === 0 ? Effect.succeed([]) : each()),
  )
}

/** Those for which a short read says yes, or does not answer in time: there the step itself finds out. */
export const wherever = <A>(
  commands: RedisCommands,
  all: ReadonlyArray<A>,
  read: (pipeline: ChainableCommander, one: A) => ChainableCommander,
  isYes: (answer: unknown) => boolean,
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.map(readings(commands, all, read), (answers) =>
    all.filter((_, index) => answers[index] === undefined || isYes(answers[index])),
  )
