/** What has to happen to an item next. */
import type { AttemptPhase, Batch, Item, Task } from "./batch.ts"
import { ATTEMPTS_MAX } from "./identifiers.ts"

/** Whether an item was refused by one bank and goes to the next one of its rule. Not if its clearance was withdrawn. */
export const isOnItsWay = ({ state, attempt, clearanceWithdrawn }: Item): boolean =>
  state === "failed" &&
  !clearanceWithdrawn &&
  attempt?.reroutable === true &&
  (attempt.route?.others ?? []).length > 0 &&
  attempt.attempt < ATTEMPTS_MAX

/** Whether the item may go to the next bank now: the money reserved for the attempt before is released. */
export const isRerouteDue = (item: Item): boolean => item.task === "none" && isOnItsWay(item)

/** Whether the policy retries a failed item now: a retry may help, its money is released, and attempts are left. */
export const isRetryDue = (batch: Batch, item: Item): boolean =>
  item.task === "none" && isRetriedByPolicy(batch, item)

const isRetriedByPolicy = ({ attemptsMax }: Batch, item: Item): boolean => {
  const { state, attempt, clearanceWithdrawn } = item
  if (state !== "failed" || clearanceWithdrawn) return false
  if (attempt?.retryable !== true || isOnItsWay(item)) return false
  return attempt.round < attemptsMax && attempt.attempt < ATTEMPTS_MAX
}

/** Whether a failed item will be tried again without a person's doing, now or once its money is released. */
export const isToBeTriedAgain = (batch: Batch, item: Item): boolean =>
  isOnItsWay(item) || isRetriedByPolicy(batch, item)

/** The next task of an item, from its state alone. */
export const taskOf = (item: Item): Task => {
  if (item.posting !== undefined) return "book"
  const { ledger, attempt } = item
  // Everything else waits until it is known whether the open attempt can be withdrawn.
  if (attempt?.withdrawal !== undefined && attempt.outcome === undefined) return "withdraw"
  switch (item.state) {
    case "received":
      return "submit"
    case "screening":
      return "screen"
    case "held":
      return "review"
    case "parked":
      // The bank is still asked about an open attempt, also while another one is in dispute.
      return item.attempt?.outcome === undefined ? phaseTasks[item.attempt?.phase ?? "parked"] : "review"
    case "screened":
      return ledger === "held" ? "request" : "hold"
    case "transferring":
      return "transfer"
    case "unknown":
    case "pending":
      return "inquire"
    case "settled":
      // A payment made after its money was released or reversed is held and posted like any other.
      return ledger === "posted" ? "none" : ledger === "held" ? "post" : "hold"
    case "failed":
    case "rejected":
    case "cancelled":
      // Posted, if a person found that it was not paid after all.
      return ledger === "held" ? "release" : ledger === "posted" ? "reverse" : "none"
    case "returned":
      // A returned payment is posted first, however quickly it was returned, so that the ledger shows both.
      if (ledger === "reversed") return "none"
      return ledger === "posted" ? "reverse" : ledger === "held" ? "post" : "hold"
  }
}

const phaseTasks: Readonly<Record<AttemptPhase, Task>> = {
  transferring: "transfer",
  unknown: "inquire",
  pending: "inquire",
  parked: "review",
}
