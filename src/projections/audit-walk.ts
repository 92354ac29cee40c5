/** Audits of many batches: all that any store knows, or some at random. */
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { EventStore } from "../streams/event-store.ts"
import { LOG_INDEX_START, LogIndex, type LogIndexCursor } from "../streams/log-index.ts"
import { auditBatch, auditCheckpoints } from "./audit.ts"
import type { Difference } from "./difference.ts"
import { LiveRows } from "./live-rows.ts"
import { READ_MODEL_TABLES } from "./read-model-tables.ts"

const PAGE = 500
const AT_ONCE = 4
/** Names that are remembered, so that a log in both Redis and the archive is compared once. Beyond that, twice. */
const NAMES_MAX = 1_000_000
/** How often a random batch is chosen that turns out to be too large, for each that is wanted. */
const CHOICES_MAX = 5

export interface AuditSummary {
  readonly batches: number
  readonly differences: number
  /** Batches that had gone on each time they were compared. */
  readonly notCompared: number
}

type Found = (difference: Difference) => Effect.Effect<void>

/** Audits some batches. Calls `found` with each difference. */
export const auditBatches = Effect.fnUntraced(function* (ids: ReadonlyArray<BatchId>, found: Found) {
  const audits = yield* Effect.forEach(ids, auditBatch, { concurrency: AT_ONCE })
  for (const { differences } of audits) for (const difference of differences) yield* found(difference)
  return {
    batches: ids.length,
    differences: audits.reduce((sum, { differences }) => sum + differences.length, 0),
    notCompared: audits.filter(({ isCompared }) => !isCompared).length,
  } satisfies AuditSummary
})

const sumOf = (one: AuditSummary, other: AuditSummary): AuditSummary => ({
  batches: one.batches + other.batches,
  differences: one.differences + other.differences,
  notCompared: one.notCompared + other.notCompared,
})

const NONE: AuditSummary = { batches: 0, differences: 0, notCompared: 0 }

/** Audits every log, every row without a log, and the checkpoints. */
export const auditAll = Effect.fn("auditAll")(function* (
  found: Found,
  onProgress: (batches: number) => Effect.Effect<void>,
) {
  let sum: AuditSummary = NONE
  const seen = new Set<BatchId>()
  const { page } = yield* LogIndex
  let cursor: LogIndexCursor | undefined = LOG_INDEX_START
  while (cursor !== undefined) {
    const from: LogIndexCursor = cursor
    const { batches, next } = yield* page(from, PAGE)
    const fresh = [...new Set(batches)].filter((batch) => !seen.has(batch))
    if (seen.size < NAMES_MAX) for (const batch of fresh) seen.add(batch)
    sum = sumOf(sum, yield* auditBatches(fresh, found))
    yield* onProgress(sum.batches)
    cursor = next
  }
  const done = new Set<BatchId>()
  for (const table of READ_MODEL_TABLES) {
    let after = ""
    while (true) {
      const batches = yield* (yield* LiveRows).batches(table, after, PAGE)
      const lost = (yield* withoutLog(batches)).filter((batch) => !done.has(batch))
      if (done.size < NAMES_MAX) for (const batch of lost) done.add(batch)
      sum = sumOf(sum, yield* auditBatches(lost, found))
      after = batches.at(-1) ?? after
      if (batches.length < PAGE) break
    }
  }
  const checkpoints = yield* auditCheckpoints()
  for (const difference of checkpoints) yield* found(difference)
  return { ...sum, differences: sum.differences + checkpoints.length } satisfies AuditSummary
})

const withoutLog = Effect.fnUntraced(function* (batches: ReadonlyArray<BatchId>) {
  const { readRanges } = yield* EventStore
  const read = yield* readRanges(batches.map((batch) => ({ batch, after: 0, to: 1, head: undefined })))
  return batches.filter((_, index) => {
    const events = read[index]
    return events !== undefined && Result.isSuccess(events) && events.success.length === 0
  })
})

/** Audits so many batches at random, of at most `itemsMax` items each. */
export const auditSome = Effect.fnUntraced(function* (count: number, itemsMax: number, found: Found) {
  const { anyBatch } = yield* LiveRows
  const ids = new Set<BatchId>()
  for (let choice = 0; choice < count * CHOICES_MAX && ids.size < count; choice += 1) {
    const id = yield* anyBatch(itemsMax)
    if (id !== undefined) ids.add(id)
  }
  return yield* auditBatches([...ids], found)
})
