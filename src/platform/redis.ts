import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Redis, type RedisOptions } from "ioredis"
import { AppConfig } from "../config.ts"

/** Redis did not do a command. Only the kind of failure is told: ioredis puts arguments into its errors. */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", {
  reason: Schema.String,
}) {}

/**
 * Connections to Redis: one that all commands share, and others for reads that block. Commands that were under way
 * when a connection broke are sent again, so every step of the event log recognises a retry.
 */
export class RedisConnections extends Context.Service<
  RedisConnections,
  {
    readonly commands: Redis
    /** A connection of its own for blocking reads, with a watchdog of `blockMs` and a second. */
    readonly blocking: (blockMs: number) => Redis
  }
>()("atlaspay/platform/RedisConnections") {
  static readonly layer = Layer.effect(
    RedisConnections,
    Effect.gen(function* () {
      const { url } = (yield* AppConfig).redis
      const opened: Array<Redis> = []
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const open = (name: string, options: Omit<RedisOptions, "replyMapping">): Redis => {
        const redis = new Redis(Redacted.value(url), {
          connectionName: `atlaspay-${name}`,
          lazyConnect: true,
          ...options,
        })
        redis.on("error", (error) =>
          run(Effect.logWarning("redis connection", { connection: name, reason: kindOf(error) })),
        )
        opened.push(redis)
        return redis
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const redis of opened) redis.disconnect()
        }),
      )
      const commands = open("commands", {
        enableAutoPipelining: true,
        commandTimeout: 10_000,
        maxRetriesPerRequest: 5,
      })
      yield* attempt(() => commands.connect())
      return {
        commands,
        blocking: (blockMs) =>
          open("blocking", { maxRetriesPerRequest: 0, blockingTimeout: blockMs + 1_000 }),
      }
    }),
  )
}

/** Runs a command, and tells only the kind of its failure. */
export const attempt = <A>(command: () => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
  Effect.tryPromise({ try: command, catch: (error) => new RedisUnavailable({ reason: kindOf(error) }) })

/** "ECONNREFUSED", "READONLY", "OOM", …: what is safe to tell of an ioredis error. */
const kindOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "unknown"
  if ("code" in error && typeof error.code === "string") return error.code
  if (error.name === "ReplyError")
    return /Function not found/.test(error.message) ? "NOFUNCTION" : (error.message.split(" ")[0] ?? "")
  return /timed out/.test(error.message) ? "TIMEOUT" : error.name
}
