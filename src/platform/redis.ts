import { Context, Effect, Layer, Redacted, Result, Schema } from "effect"
import type { Redis } from "ioredis"
import { AppConfig } from "../config.ts"
import { readAddress } from "./redis-address.ts"
import { type Barrier, openBarrier } from "./redis-barrier.ts"
import {
  countConnections,
  hashTagOf,
  openClient,
  type Patience,
  primariesOf,
  type RedisCommands,
} from "./redis-client.ts"
import { attempt, kindOf, type RedisUnavailable } from "./redis-failure.ts"

/** REDIS_URL cannot be read. What it says is not repeated, because it may hold a password. */
export class RedisUrlMalformed extends Schema.TaggedError<RedisUrlMalformed>()("RedisUrlMalformed", {
  expected: Schema.String,
}) {
  override get message() {
    return `REDIS_URL is malformed: expected ${this.expected}`
  }
}

/** A connection for reads that block, and the keys that it may read in one command. */
export interface Reader {
  readonly client: RedisCommands
  readonly keys: ReadonlyArray<string>
}

const COMMAND: Patience = { silenceMsMax: 5_000, commandMsMax: 10_000, retries: 40 }
/** How much longer than it may take an answer may be under way. */
const LATE_MS_MAX = 1_000
const SAME_WARNING_AFTER_MS = 5_000

/**
 * Connections to Redis, in whatever topology REDIS_URL names: one client that all commands share, and others for
 * reads that block and for the replication barrier. Commands that were under way when a connection broke are sent
 * again, so every step of the event log recognises a retry.
 */
export class RedisConnections extends Context.Service<
  RedisConnections,
  {
    /** On a cluster, each command goes where its keys are; all keys of one command must carry the same hash tag. */
    readonly commands: RedisCommands
    /**
     * Connections for reads that block for `blockMs` at most, with a watchdog of a second more, such that each key is
     * read by one of them. A blocking read holds up its connection, and one command reads only keys that live
     * together: so a cluster needs one for each hash tag, and otherwise one is enough for all.
     */
    readonly readers: (
      blockMs: number,
      keys: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<Reader>, RedisUnavailable>
    /** Grows with each connection for commands that is made: behind a new one the server may be another. */
    readonly epoch: () => number
    /** Runs a command on every primary. */
    readonly onEachPrimary: <A>(
      command: (primary: Redis) => Promise<A>,
    ) => Effect.Effect<ReadonlyArray<A>, RedisUnavailable>
    /**
     * The replication barrier: resolves once what this process was told is written to the shard of `key` has reached
     * REDIS_REPLICAS replicas; at once when that is 0. Fails with NOREPLICAS after REPLICATION_TIMEOUT_MS, and with
     * FAILED_OVER when the primary that the replicas follow shows no evidence of it.
     */
    readonly replicated: Barrier
  }
>()("atlaspay/platform/RedisConnections") {
  /** Connects, and disconnects with the scope. */
  static readonly layer = Layer.effect(
    RedisConnections,
    Effect.gen(function* () {
      const { url, replicas, replicationTimeoutMs } = (yield* AppConfig).redis
      const open = yield* opener(Redacted.value(url))
      const commands = yield* open("commands", COMMAND)
      const onEachPrimary: RedisConnections["Service"]["onEachPrimary"] = (command) =>
        Effect.forEach(primariesOf(commands), (primary) => attempt(() => command(primary)), {
          concurrency: "unbounded",
        })
      const epoch = countConnections(commands)
      // Also opens a cluster's connections, before many commands come at once.
      yield* onEachPrimary((primary) => primary.ping())
      return {
        commands,
        epoch,
        onEachPrimary,
        readers: (blockMs, keys) => {
          const patience = { silenceMsMax: blockMs + LATE_MS_MAX, retries: 1 }
          return Effect.forEach(
            keysReadTogether(commands, keys),
            (keys) => Effect.map(open("reader", patience), (client) => ({ client, keys })),
            { concurrency: "unbounded" },
          )
        },
        replicated:
          replicas === 0
            ? () => Effect.void
            : yield* openBarrier(
                yield* open("barrier", {
                  silenceMsMax: replicationTimeoutMs + LATE_MS_MAX,
                  commandMsMax: replicationTimeoutMs + LATE_MS_MAX,
                  retries: 1,
                }),
                { replicas, timeoutMs: replicationTimeoutMs },
              ),
      }
    }),
  )
}

/** What opens and connects clients, and disconnects them all with the scope. */
const opener = Effect.fnUntraced(function* (url: string) {
  const address = yield* Effect.fromResult(
    Result.mapError(readAddress(url), (expected) => new RedisUrlMalformed({ expected })),
  )
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const opened: Array<RedisCommands> = []
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const client of opened) client.disconnect()
    }),
  )
  const warn = seldom((connection, reason) =>
    run(Effect.logWarning("redis connection", { connection, reason })),
  )
  return (name: string, patience: Patience): Effect.Effect<RedisCommands, RedisUnavailable> =>
    Effect.suspend(() => {
      const client = openClient(address, name, patience, (error) => warn(name, kindOf(error)))
      opened.push(client)
      return Effect.as(
        attempt(() => client.connect()),
        client,
      )
    })
})

/** During an outage every attempt to connect fails alike, and one line says so for all of them. */
const seldom = (warn: (connection: string, reason: string) => void) => {
  const warnedAt = new Map<string, number>()
  return (connection: string, reason: string): void => {
    const warning = `${connection}: ${reason}`
    if (Date.now() - (warnedAt.get(warning) ?? 0) < SAME_WARNING_AFTER_MS) return
    warnedAt.set(warning, Date.now())
    warn(connection, reason)
  }
}

const keysReadTogether = (
  { isCluster }: RedisCommands,
  keys: ReadonlyArray<string>,
): ReadonlyArray<ReadonlyArray<string>> => (isCluster ? [...Map.groupBy(keys, hashTagOf).values()] : [keys])
