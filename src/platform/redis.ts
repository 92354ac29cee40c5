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
import { attempt, kindOf, RedisUnavailable } from "./redis-failure.ts"
import { openTlsFiles, type TlsPaths, tlsWarnings } from "./tls-files.ts"

/** REDIS_URL is malformed. The error does not quote it, because it may contain a password. */
export class RedisUrlMalformed extends Schema.TaggedError<RedisUrlMalformed>()("RedisUrlMalformed", {
  expected: Schema.String,
}) {
  override get message() {
    return `REDIS_URL is malformed: expected ${this.expected}`
  }
}

/** A connection for blocking reads, and the keys that it may read in one command. */
export interface Reader {
  readonly client: RedisCommands
  readonly keys: ReadonlyArray<string>
}

const COMMAND: Patience = { silenceMsMax: 5_000, commandMsMax: 10_000, retries: 40 }
/** Added to the time that the server may take: time for the answer to arrive. */
const LATE_MS_MAX = 1_000
const SAME_WARNING_AFTER_MS = 5_000

/**
 * Connections to Redis, in the topology that REDIS_URL names: one client for all commands, and others for blocking reads and
 * for the replication barrier. Commands that were under way when a connection broke are retried, so every step of the event
 * log recognises a retry.
 */
export class RedisConnections extends Context.Service<
  RedisConnections,
  {
    /** On a cluster, each command goes to the primary of its keys. All keys of one command must have the same hash tag. */
    readonly commands: RedisCommands
    /**
     * Connections for reads that block for at most `blockMs`; a watchdog closes one that takes a second longer. One of them
     * reads each key. A blocking read occupies its connection, and one command can read only keys in the same slot. So a
     * cluster needs a connection for each hash tag; otherwise one is enough.
     */
    readonly readers: (
      blockMs: number,
      keys: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<Reader>, RedisUnavailable>
    /** Grows with each new connection for commands, which may lead to another server. */
    readonly epoch: () => number
    /** Runs a command on every primary. */
    readonly onEachPrimary: <A>(
      command: (primary: Redis) => Promise<A>,
    ) => Effect.Effect<ReadonlyArray<A>, RedisUnavailable>
    /**
     * The replication barrier: resolves once an acknowledged write to the shard of `key` has reached REDIS_REPLICAS
     * replicas; at once if that is 0. Fails with NOREPLICAS after REPLICATION_TIMEOUT_MS, and with FAILED_OVER if the
     * primary that the replicas follow does not have the write.
     */
    readonly replicated: Barrier
  }
>()("atlaspay/platform/RedisConnections") {
  /** Connects, and disconnects with the scope. */
  static readonly layer = Layer.effect(
    RedisConnections,
    Effect.gen(function* () {
      const { url, tls, replicas, replicationTimeoutMs } = (yield* AppConfig).redis
      const open = yield* opener(Redacted.value(url), tls)
      const commands = yield* open("commands", COMMAND)
      const onEachPrimary: RedisConnections["Service"]["onEachPrimary"] = (command) =>
        Effect.forEach(primariesOf(commands), (primary) => attempt(() => command(primary)), {
          concurrency: "unbounded",
        })
      const epoch = countConnections(commands)
      // Also opens all connections of a cluster before many commands need them at once.
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

/** Makes a function that opens and connects clients. All are disconnected with the scope. */
const opener = Effect.fnUntraced(function* (url: string, paths: TlsPaths) {
  const address = yield* Effect.fromResult(
    Result.mapError(readAddress(url), (expected) => new RedisUrlMalformed({ expected })),
  )
  const tls = yield* Effect.fromResult(openTlsFiles("REDIS", paths, yield* tlsWarnings)).pipe(
    Effect.mapError(({ setting, problem }) => new RedisUnavailable({ reason: `${setting}: ${problem}` })),
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
      const client = openClient(address, name, patience, (error) => warn(name, kindOf(error)), tls)
      opened.push(client)
      return Effect.as(
        attempt(() => client.connect()),
        client,
      )
    })
})

/** Limits repeated warnings: during an outage, every attempt to connect fails with the same one. */
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
