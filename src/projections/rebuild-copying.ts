/** Folds the logs of all noted batches, and stores their rows. The next ones are folded while Postgres stores those before. */
import { Effect, Fiber, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { foldLog } from "../streams/batch-fold.ts"
import { visitEvents } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore } from "../streams/event-store.ts"
import { Partitions } from "../streams/partitions.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import {
  type ReadModelRow,
  type ReadModelRows,
  type ReadModelTable,
  readModelRows,
} from "./read-model-tables.ts"
import { type Copied, type Rebuild, Rebuilds } from "./rebuilds.ts"

const BATCHES_AT_ONCE_MAX = 128
/** Rows of items that are stored together. A batch with more is stored by itself. */
const ITEMS_AT_ONCE_MAX = 8_192
/** Logs of batches with more items are read page by page, because their events are large. */
const SMALL_BATCH_ITEMS_MAX = 1_000
/** Events of a small batch that are read at once. */
const EVENTS_AT_ONCE_MAX = 4_096

/** How many batches and events were copied, in all. */
export interface CopyProgress {
  readonly batches: number
  readonly events: number
}

/**
 * Copies the batches that are still to be copied. `stored` is called with what is to be stored next, and fails if that cannot be
 * done; `onProgress` after each step.
 */
export const copyBatches = Effect.fnUntraced(function* <E>(
  rebuild: Rebuild,
  stored: (copied: Copied) => Effect.Effect<void, E>,
  onProgress: (progress: CopyProgress) => Effect.Effect<void>,
) {
  const { listed } = yield* Rebuilds
  const crashPoint = yield* CrashPoints
  let { copiedTo, batches, events } = rebuild
  let storing: Fiber.Fiber<void, E> | undefined
  while (true) {
    const names = yield* listed(copiedTo, BATCHES_AT_ONCE_MAX)
    const copied = names.length === 0 ? undefined : yield* copyOf(names, copiedTo)
    if (storing !== undefined) yield* Fiber.join(storing)
    if (copied === undefined) return
    ;[copiedTo, batches, events] = [copied.to, batches + copied.batches, events + copied.events]
    const progress = { batches, events }
    storing = yield* Effect.forkChild(
      stored(copied).pipe(Effect.andThen(crashPoint("within-rebuild")), Effect.andThen(onProgress(progress))),
    )
  }
})

/** The rows of the first batches of some, so many that they can be stored together. */
const copyOf = Effect.fnUntraced(function* (
  names: ReadonlyArray<BatchId>,
  from: string,
): Effect.fn.Return<Copied, CorruptEntry | StoreUnavailable, EventStore | Partitions> {
  const store = yield* EventStore
  const partitions = yield* Partitions
  const begun = names.map((id) => ({ id, fold: emptyProjection(id) }))
  yield* foldFurther(store, begun, 1)
  const some = firstOf(begun)
  yield* foldFurther(
    store,
    some.filter(({ fold }) => fold.batch.itemCount <= SMALL_BATCH_ITEMS_MAX),
    EVENTS_AT_ONCE_MAX,
  )
  for (const { id, fold } of some)
    if (fold.batch.version === 1 || fold.batch.version >= EVENTS_AT_ONCE_MAX)
      yield* foldLog(store, id, fold, project)
  return {
    rows: together(some),
    from,
    to: some.at(-1)?.id ?? names[0] ?? ("" as BatchId),
    batches: some.length,
    events: some.reduce((sum, { fold }) => sum + fold.batch.version, 0),
    partitionOf: partitions.of,
  }
})

interface Folding {
  readonly id: BatchId
  readonly fold: ProjectedBatch
}

/** Folds logs up to a version, or to their end, with one round trip. */
const foldFurther = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  some: ReadonlyArray<Folding>,
  to: number,
) {
  if (some.length === 0) return
  const read = yield* store.readRanges(
    some.map(({ id, fold }) => ({ batch: id, after: fold.batch.version, to, head: fold.head })),
  )
  for (const [index, { id, fold }] of some.entries()) {
    const events = yield* Effect.fromResult(read[index] ?? Result.succeed([]))
    yield* visitEvents(id, events, (recorded) => project(fold, recorded))
  }
})

/** At least one batch, and as many as have no more items together than are stored at once. */
const firstOf = (begun: ReadonlyArray<Folding>): ReadonlyArray<Folding> => {
  let items = 0
  const end = begun.findIndex(({ fold }) => {
    items += fold.batch.itemCount
    return items > ITEMS_AT_ONCE_MAX
  })
  return end === -1 ? begun : begun.slice(0, Math.max(1, end))
}

const together = (some: ReadonlyArray<Folding>): ReadModelRows => {
  const rows = some.map(({ id, fold }) => readModelRows(id, fold))
  const of = (table: ReadModelTable): ReadonlyArray<ReadModelRow> => rows.flatMap((one) => one[table])
  return {
    payout_batches: of("payout_batches"),
    payout_items: of("payout_items"),
    payout_batch_days: of("payout_batch_days"),
    payout_acts: of("payout_acts"),
  }
}
