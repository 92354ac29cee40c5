/**
 * Imported logs in the Redis of a sandbox. They are only logs: in no feed, so that nothing shows, publishes or delivers them; not open,
 * timed or scheduled, so that no worker takes them. Their accounts are gone, so that none could be paid.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { partitionKeys, partitionOf } from "../streams/partition.ts"
import type { Header, ImportedEvent } from "./scrubbed-log.ts"
import type { LogPlace } from "./stored-logs-redis.ts"

/** What is staged by an import that died is gone after this time. */
const STAGED_MS = 600_000
/** The field names of entries in a log. */
const EVENT = "e"
const HASH = "h"

export interface Import {
  /** Stages events, after those before. */
  readonly stage: (events: ReadonlyArray<ImportedEvent>) => Effect.Effect<void, StoreUnavailable>
  /** Makes what was staged the log. `there` if this very log was there already, `other` if another one is under its name. */
  readonly commit: Effect.Effect<"imported" | "there" | "other", StoreUnavailable>
}

/** An import of a log. Nothing is seen of it before its one last step, and what was staged goes away by itself. */
export const importInto = (
  { redis, prefix, partitions }: LogPlace,
  { batch, events, head }: Header,
): Import => {
  const keys = partitionKeys(prefix, partitionOf(batch, partitions))
  const [log, staged] = [keys.log(batch), keys.staged(batch, `import-${randomUUID()}`)]
  return {
    stage: (some) =>
      inStep("stage", async () => {
        const pipeline = redis.pipeline()
        for (const { version, text, hash } of some)
          pipeline.xadd(staged, `${version}-0`, EVENT, text, HASH, hash)
        pipeline.pexpire(staged, STAGED_MS)
        for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
      }),
    commit: inStep("commit", async () => {
      // A repetition of the step after a lost answer finds the log there, and it is this one.
      const answers = await redis.multi().renamenx(staged, log).persist(log).exec()
      const [error, renamed] = answers?.[0] ?? []
      if (error === null && renamed === 1) return "imported"
      const [last] = await redis.xrevrange(log, "+", "-", "COUNT", 1)
      // Nothing is under the name: what was staged is gone.
      if (last === undefined) throw error ?? new Error("what was staged was not stored")
      await redis.del(staged)
      return last?.[0] === `${events}-0` && last[1][3] === head ? "there" : "other"
    }),
  }
}

const inStep = <A>(step: string, run: () => Promise<A>): Effect.Effect<A, StoreUnavailable> =>
  Effect.mapError(
    attempt(run),
    ({ reason }: RedisUnavailable) => new StoreUnavailable({ store: "redis", step, reason }),
  )
