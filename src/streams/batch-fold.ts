/** The fold of a batch's log: the only way in which actors, followers and the API read a batch. */
import type { Effect } from "effect"
import { type Batch, emptyBatch } from "../domain/batch.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { beginningOf, visitLog, visitRange } from "./event-range.ts"
import type { CorruptEntry, EventStore, LoggedEvent } from "./event-store.ts"

/**
 * A batch as far as its log was folded. It changes in place, so it has one owner at a time. A step that fails may leave it
 * half changed, so its owner must drop it.
 */
export interface BatchFold {
  readonly batch: Batch
  /** The hash of the log up to the version of the batch. */
  head: string
}

export const emptyFold = (id: BatchId): BatchFold => ({ batch: emptyBatch(), head: beginningOf(id).head })

/** Folds the next event, in place. Throws if the event is not the next version, or not legal in this state. */
export const advance = (fold: BatchFold, { version, event, hash }: LoggedEvent): void => {
  if (version !== fold.batch.version + 1)
    throw new Error(`version ${version} does not follow version ${fold.batch.version}`)
  evolve(fold.batch, event)
  fold.head = hash
}

/** A function that folds the next event: {@link advance}, or one that also does something else. */
type Advance<Fold extends BatchFold> = (fold: Fold, recorded: LoggedEvent) => void

/** Folds all events of the log after the version of the fold. */
export const foldLog = <Fold extends BatchFold>(
  store: EventStore["Service"],
  id: BatchId,
  fold: Fold,
  next: Advance<Fold> = advance,
): Effect.Effect<unknown, CorruptEntry | StoreUnavailable> =>
  visitLog(store, id, { version: fold.batch.version, head: fold.head }, (recorded) => next(fold, recorded))

/** Folds the events of the log after the version of the fold, up to and including version `to`. */
export const foldTo = <Fold extends BatchFold>(
  store: EventStore["Service"],
  id: BatchId,
  fold: Fold,
  to: number,
  next: Advance<Fold> = advance,
): Effect.Effect<void, CorruptEntry | StoreUnavailable> =>
  visitRange(store, id, { version: fold.batch.version, head: fold.head }, to, (recorded) =>
    next(fold, recorded),
  )
