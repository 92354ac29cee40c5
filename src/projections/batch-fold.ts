/** The state of a batch with what the read models show beyond it: when each item last changed, and when it all ended. */
import { type Batch, emptyBatch } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { beginningOf } from "../streams/event-range.ts"
import type { LoggedEvent } from "../streams/event-store.ts"

/** The event that last changed what is shown of an item. */
export interface Change {
  readonly version: number
  readonly at: number
}

export interface BatchFold {
  readonly batch: Batch
  readonly changes: Map<number, Change>
  closedAt: number | undefined
  /** The hash of the log up to the last event. */
  head: string
}

export const emptyFold = (id: BatchId): BatchFold => ({
  batch: emptyBatch(),
  changes: new Map(),
  closedAt: undefined,
  head: beginningOf(id).head,
})

/**
 * Folds the next event, in place; returns the numbers of the items that it changed. Throws when the event is not
 * legal there, and then the fold is worth nothing any more.
 */
export const advance = (fold: BatchFold, { version, event, hash }: LoggedEvent): ReadonlyArray<number> => {
  if (version !== fold.batch.version + 1)
    throw new Error(`version ${version} does not follow version ${fold.batch.version}`)
  const changed = itemsChangedBy(fold.batch, event)
  evolve(fold.batch, event)
  for (const item of changed) fold.changes.set(item, { version, at: event.at })
  if (event._tag === "BatchClosed") fold.closedAt = event.at
  fold.head = hash
  return changed
}

/** Items of which something changes that the read models show; a posting shows when it is booked. */
const itemsChangedBy = (batch: Batch, event: BatchEvent): ReadonlyArray<number> => {
  switch (event._tag) {
    case "BatchReceived":
    case "BatchApproved":
    case "ApprovalExpired":
    case "ExecutionStarted":
    case "CancellationRefused":
    case "WithdrawalsRequested":
    case "WithdrawalRefused":
    case "BatchClosed":
    case "PostingRequested":
    case "PostingRefused":
    case "FundsArrived":
      return []
    case "ItemsReceived":
      return event.items.map(({ item }) => item)
    case "ScreeningRequested":
    case "ClearancePending":
    case "ItemsCancelled":
    case "ItemsUnrouted":
      return event.items
    case "ItemsScreened":
    case "ClearanceWithdrawn":
      return event.decisions.map(({ item }) => item)
    case "TransfersRequested":
      return event.transfers.map(({ item }) => item)
    case "PostingBooked":
      return batch.postings.get(event.posting)?.items ?? []
    default:
      return [event.item]
  }
}
