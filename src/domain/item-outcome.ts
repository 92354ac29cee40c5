/** How an item ended, as metrics and objectives count it, and which events may end one. */
import type { Attempt, Batch, Item } from "./batch.ts"
import type { BatchEvent } from "./events.ts"
import { type ItemEnd, isEnd } from "./item-state.ts"
import { isToBeTriedAgain } from "./task.ts"

const outcomes = {
  settled: "paid",
  failed: "failed",
  returned: "returned",
  rejected: "rejected",
  cancelled: "cancelled",
} as const satisfies Readonly<Record<ItemEnd, string>>

export type ItemOutcome = (typeof outcomes)[ItemEnd]

/** All outcomes. */
export const itemOutcomes: ReadonlyArray<ItemOutcome> = Object.values(outcomes)

/** How an item ended by all that its log says so far; `undefined` while it has not, or is to be tried again by policy. */
export const outcomeOf = (batch: Batch, item: Item): ItemOutcome | undefined =>
  isEnd(item.state) && !isToBeTriedAgain(batch, item) ? outcomes[item.state] : undefined

/** The items that an event may bring to an end. All other events leave every item as far from its end as it was. */
export const itemsEndedBy = (event: BatchEvent): ReadonlyArray<number> => {
  switch (event._tag) {
    case "TransferSettled":
    case "TransferFailed":
    case "TransferReturned":
    case "TransferWithdrawn":
    case "LateOutcomeDetected":
    case "ParkedResolved":
    case "ItemReviewed":
      return [event.item]
    case "TransfersSettled":
      return event.transfers.map(({ item }) => item)
    case "ItemsCancelled":
      return event.items
    case "ItemsScreened":
    case "ClearanceWithdrawn":
      return event.decisions.map(({ item }) => item)
    default:
      return []
  }
}

/** Whether the bank of an attempt said that it paid, or a person found out, whatever came after that. */
export const wasPaid = ({ outcome, reports }: Attempt): boolean =>
  outcome === "settled" || reports.includes("settled")

/** Whether the bank of an attempt said that the money came back. */
export const wasReturned = ({ outcome, reports }: Attempt): boolean =>
  outcome === "returned" || reports.includes("returned")
