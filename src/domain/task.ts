/** What has to happen to an item next. */
import type { AttemptPhase, Batch, Item, Task } from "./batch.ts"
import { ATTEMPTS_MAX } from "./identifiers.ts"

/** Refused by one bank, and going to the next one of its rule, which may pay it, unless compliance thought again. */
export const isOnItsWay = ({ state, attempt, clearanceWithdrawn }: Item): boolean =>
  state === "failed" &&
  !clearanceWithdrawn &&
  attempt?.reroutable === true &&
  (attempt.route?.others ?? []).length > 0 &&
  attempt.attempt < ATTEMPTS_MAX

/** Whether the next bank's turn has come: the money that was held for the one before is back. */
export const isRerouteDue = (item: Item): boolean => item.task === "none" && isOnItsWay(item)

/** Whether policy tries a failed item again: it may, it may help, its money is back, and the partner has attempts left. */
export const isRetryDue = ({ attemptsMax }: Batch, item: Item): boolean => {
  const { state, task, attempt, clearanceWithdrawn } = item
  if (state !== "failed" || task !== "none" || clearanceWithdrawn) return false
  if (attempt?.retryable !== true || isOnItsWay(item)) return false
  return attempt.round < attemptsMax && attempt.attempt < ATTEMPTS_MAX
}

/** The next thing that has to happen to an item, from its states alone. */
export const taskOf = (item: Item): Task => {
  if (item.posting !== undefined) return "book"
  const { ledger, attempt } = item
  // Whatever is to happen to an open attempt waits until it is known whether it can be taken back.
  if (attempt?.withdrawal !== undefined && attempt.outcome === undefined) return "withdraw"
  switch (item.state) {
    case "received":
      return "submit"
    case "screening":
      return "screen"
    case "held":
      return "review"
    case "parked":
      // An open attempt goes on being asked about, whatever is in dispute.
      return item.attempt?.outcome === undefined ? phaseTasks[item.attempt?.phase ?? "parked"] : "review"
    case "screened":
      return ledger === "held" ? "request" : "hold"
    case "transferring":
      return "transfer"
    case "unknown":
    case "pending":
      return "inquire"
    case "settled":
      // What was released or reversed and is paid after all is held and posted like any payment.
      return ledger === "posted" ? "none" : ledger === "held" ? "post" : "hold"
    case "failed":
    case "rejected":
    case "cancelled":
      // Posted, where a person found that it was not paid after all.
      return ledger === "held" ? "release" : ledger === "posted" ? "reverse" : "none"
    case "returned":
      // What was settled is posted first, however quickly it came back: the ledger shows both.
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
