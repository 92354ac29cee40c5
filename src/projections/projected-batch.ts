/**
 * The fold of a batch, and what the read models also show: when each item last changed, what came of it on each day, and what people
 * did. All of it follows from the events one by one, so it is the same however the log is cut into chunks.
 */
import type { Batch } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { isGathered } from "../domain/gathered-events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { advance, type BatchFold, emptyFold } from "../streams/batch-fold.ts"
import type { LoggedEvent } from "../streams/event-store.ts"
import { type DayTallies, standingsBefore, tally } from "./day-tallies.ts"
import { actIn, type PersonalAct } from "./personal-acts.ts"

/** The event that last changed an item as it is shown. */
export interface Change {
  readonly version: number
  readonly at: number
}

export interface ProjectedBatch extends BatchFold {
  readonly changes: Map<number, Change>
  readonly days: DayTallies
  /** In the order of their versions. */
  readonly acts: Array<PersonalAct>
}

export const emptyProjection = (id: BatchId): ProjectedBatch => ({
  ...emptyFold(id),
  changes: new Map(),
  days: new Map(),
  acts: [],
})

/** Folds the next event, in place. Gives the numbers of the items that it changed. Throws as {@link advance} does. */
export const project = (fold: ProjectedBatch, recorded: LoggedEvent): ReadonlyArray<number> => {
  const { version, event } = recorded
  const changed = itemsChangedBy(fold.batch, event)
  const before = standingsBefore(fold.batch, event, changed)
  advance(fold, recorded)
  const change = { version, at: event.at }
  for (const item of changed) fold.changes.set(item, change)
  if (isGathered(event)) for (const { item, at } of event.transfers) fold.changes.set(item, { version, at })
  tally(fold.days, version, event, before)
  const act = actIn(recorded)
  if (act !== undefined) fold.acts.push(act)
  return changed
}

/** Items that an event changes in the read models. A posting changes items when it is booked. */
const itemsChangedBy = (batch: Batch, event: BatchEvent): ReadonlyArray<number> => {
  switch (event._tag) {
    case "BatchReceived":
    case "BatchApproved":
    case "ApprovalExpired":
    case "ApprovalDeclined":
    case "ExecutionStarted":
    case "CancellationRefused":
    case "CommandRefused":
    case "BatchRescheduled":
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
    case "TransfersAccepted":
    case "TransfersSettled":
      return event.transfers.map(({ item }) => item)
    case "PostingBooked":
      return batch.postings.get(event.posting)?.items ?? []
    default:
      return [event.item]
  }
}
