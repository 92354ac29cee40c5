/** Which logs a replay of many looks at: all, or a sample that is the same each time for the same seed. */
import { hash } from "node:crypto"
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { LOG_INDEX_START, type LogIndexCursor, type LogIndexPage } from "../streams/log-index.ts"
import type { StoredLogs } from "./stored-logs.ts"

const PAGE = 500

/**
 * Visits the name of each log once, in no order, so that what is counted is counted once: an archived log is in Redis as well until it
 * is unlinked. In memory are the names of the logs in Redis, which are little beside the logs.
 */
export const eachLog = Effect.fnUntraced(function* <E>(
  logs: Pick<StoredLogs["Service"], "page">,
  visit: (batch: BatchId) => Effect.Effect<void, E>,
): Effect.fn.Return<void, E | StoreUnavailable> {
  const inRedis = new Set<BatchId>()
  yield* eachName(logs, (batch, isInOrder) => {
    if (inRedis.has(batch)) return Effect.void
    if (!isInOrder) inRedis.add(batch)
    return visit(batch)
  })
})

/** Visits the name of each log, some more than once. Those that come in order come once each, after the others. */
const eachName = Effect.fnUntraced(function* <E>(
  { page }: Pick<StoredLogs["Service"], "page">,
  visit: (batch: BatchId, isInOrder: boolean) => Effect.Effect<void, E>,
): Effect.fn.Return<void, E | StoreUnavailable> {
  let cursor: LogIndexCursor | undefined = LOG_INDEX_START
  while (cursor !== undefined) {
    const { batches, next, isInOrder = false }: LogIndexPage = yield* page(cursor, PAGE)
    for (const batch of batches) yield* visit(batch, isInOrder)
    cursor = next
  }
})

/** Logs in a sample at most: their names are in memory. */
export const SAMPLE_MAX = 100_000

/**
 * At most `size` different logs, chosen by a hash of their names and a seed: whatever order the names come in, and however often one
 * comes. In memory are at most twice as many names.
 */
export const sampleOf = Effect.fnUntraced(function* (
  logs: Pick<StoredLogs["Service"], "page">,
  size: number,
  seed: string,
) {
  let kept = new Map<BatchId, string>()
  const cut = () => {
    const ranked = [...kept].sort(([, one], [, other]) => (one < other ? -1 : one > other ? 1 : 0))
    kept = new Map(ranked.slice(0, size))
  }
  yield* eachName(logs, (batch) =>
    Effect.sync(() => {
      kept.set(batch, hash("sha256", `${seed}\n${batch}`))
      if (kept.size >= 2 * size) cut()
    }),
  )
  cut()
  return [...kept.keys()]
})
