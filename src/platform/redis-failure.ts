import { Effect, Schema } from "effect"

/** A command of Redis failed. `reason` is only the kind of failure, because messages of ioredis contain arguments. */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", {
  reason: Schema.String,
}) {}

/** Runs a command. A failure has only its kind. */
export const attempt = <A>(command: () => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
  Effect.tryPromise({ try: command, catch: (error) => new RedisUnavailable({ reason: kindOf(error) }) })

/** Messages of ioredis that have no code, and our code for them. The first match counts. */
const messageCodes = [
  [/timed? ?out/i, "TIMEOUT"],
  [/Too many Cluster redirections/, "FAILOVER"],
  [/isn't ready|startup nodes|refresh slots cache/, "NOT_READY"],
  [/sentinels are unreachable/, "NO_PRIMARY"],
  [/Connection is closed/, "CONNECTION_CLOSED"],
] as const

/** Replies of Redis whose only code is ERR, and our code for them. */
const replyCodes = new Map([
  ["ERR Function not found", "NOFUNCTION"],
  ["ERR Library not found", "NOLIBRARY"],
  ["ERR no such key", "NOKEY"],
])

/** The kind of an ioredis error, which is safe to log: "ECONNREFUSED", "READONLY", "OOM", "FAILOVER", … */
export const kindOf = (error: unknown): string => {
  if (error instanceof RedisUnavailable) return error.reason
  if (!(error instanceof Error)) return "unknown"
  if ("code" in error && typeof error.code === "string") return error.code
  if (error.name === "ReplyError") return replyCodes.get(error.message) ?? error.message.split(" ")[0] ?? ""
  return messageCodes.find(([pattern]) => pattern.test(error.message))?.[1] ?? error.name
}
