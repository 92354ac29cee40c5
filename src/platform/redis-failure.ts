import { Effect, Schema } from "effect"

/** Redis did not do a command. Only the kind of failure is told: ioredis puts arguments into its errors. */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", {
  reason: Schema.String,
}) {}

/** Runs a command, and tells only the kind of its failure. */
export const attempt = <A>(command: () => Promise<A>): Effect.Effect<A, RedisUnavailable> =>
  Effect.tryPromise({ try: command, catch: (error) => new RedisUnavailable({ reason: kindOf(error) }) })

/** What ioredis says in prose, and our word for it. The first that fits counts. */
const saidInProse = [
  [/timed? ?out/i, "TIMEOUT"],
  [/Too many Cluster redirections/, "FAILOVER"],
  [/isn't ready|startup nodes|refresh slots cache/, "NOT_READY"],
  [/sentinels are unreachable/, "NO_PRIMARY"],
  [/Connection is closed/, "CONNECTION_CLOSED"],
] as const

/** What Redis itself says with nothing but ERR before it. */
const saidWithoutCode = new Map([
  ["ERR Function not found", "NOFUNCTION"],
  ["ERR Library not found", "NOLIBRARY"],
  ["ERR no such key", "NOKEY"],
])

/** "ECONNREFUSED", "READONLY", "OOM", "FAILOVER", …: what is safe to tell of an ioredis error. */
export const kindOf = (error: unknown): string => {
  if (error instanceof RedisUnavailable) return error.reason
  if (!(error instanceof Error)) return "unknown"
  if ("code" in error && typeof error.code === "string") return error.code
  if (error.name === "ReplyError")
    return saidWithoutCode.get(error.message) ?? error.message.split(" ")[0] ?? ""
  return saidInProse.find(([prose]) => prose.test(error.message))?.[1] ?? error.name
}
