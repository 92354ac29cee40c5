/** What people do to a batch under way: cancel, review, retry, resolve. Each answer is honest, item by item. */
import { Array as Arr } from "effect"
import { attemptsInQuestion, isUnrouted } from "./attempts.ts"
import { attemptsOf, type Batch, type Item, nextAttempt } from "./batch.ts"
import { type LateItem, refusalOf } from "./cancellation-refusal.ts"
import type { BatchCommandOf } from "./commands.ts"
import type { BatchEvent } from "./events.ts"
import { ATTEMPTS_MAX } from "./identifiers.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"
import { isOnItsWay } from "./task.ts"

/** Who acts when nobody does: the batch's own policy. */
export const POLICY = "policy"

/** An item can be cancelled until its first intent to pay is in the log; from then on only the bank can say. */
const lateFor: Readonly<Record<Item["state"], string | undefined>> = {
  received: undefined,
  screening: undefined,
  held: undefined,
  cleared: undefined,
  rejected: "already rejected",
  transferring: "already sent to the bank",
  unknown: "already sent to the bank, outcome unknown",
  pending: "already accepted by the bank",
  settled: "already settled",
  failed: "already failed",
  returned: "already returned",
  cancelled: "already cancelled",
  parked: "with the operations team",
}

const tooLate = (item: Item): string | undefined => {
  if (isUnrouted(item)) return undefined
  return isOnItsWay(item) ? "refused by one bank, and on its way to another" : lateFor[item.state]
}

/** A request that changes nothing, and of which the log tells already why, leaves no event behind. */
export const decideCancel = (batch: Batch, command: BatchCommandOf<"Cancel">): Decision => {
  const { at, by, reason } = command
  const named = command.items.length === 0 ? [...batch.items.keys()] : [...new Set(command.items)]
  const stranger = named.find((item) => !batch.items.has(item))
  if (stranger !== undefined) return refuse(command, "no-such-item", stranger)
  if (batch.closed !== undefined) return refuse(command, "batch-closed")
  const cancelled: Array<number> = []
  const late: Array<LateItem> = []
  for (const item of named) {
    const payout = batch.items.get(item)
    const reason = payout === undefined ? undefined : tooLate(payout)
    if (reason === undefined) cancelled.push(item)
    else if (payout?.cancellationRefused === false) late.push({ item, reason })
  }
  const happened: Array<BatchEvent> = []
  if (Arr.isReadonlyArrayNonEmpty(cancelled))
    happened.push({ _tag: "ItemsCancelled", at, items: cancelled, by, reason })
  happened.push(...refusalOf({ at, by }, late))
  return happened.length === 0 ? refuse(command, "nothing-to-cancel") : events(...happened)
}

/** Cancels, by policy, every item that still can be, except some. */
export const cancelTheRest = (
  batch: Batch,
  at: number,
  reason: string,
  except: ReadonlySet<number>,
): ReadonlyArray<BatchEvent> => {
  const items = [...batch.items.values()].flatMap((item) =>
    tooLate(item) === undefined && !except.has(item.item) ? [item.item] : [],
  )
  return Arr.isReadonlyArrayNonEmpty(items) ? [{ _tag: "ItemsCancelled", at, items, by: POLICY, reason }] : []
}

export const decideReview = (batch: Batch, command: BatchCommandOf<"Review">): Decision => {
  const { item, at } = command
  const state = batch.items.get(item)?.state
  if (state === undefined) return refuse(command, "no-such-item", item)
  if (state !== "held") return refuse(command, "not-held", item)
  const reviewed: BatchEvent = { ...command, _tag: "ItemReviewed" }
  if (command.decision === "released" || batch.mode === "partial") return events(reviewed)
  return events(reviewed, ...cancelTheRest(batch, at, `item ${item} was rejected`, new Set([item])))
}

/**
 * A failed item gets a new attempt under a new key, and one that no rule led to a bank is routed again. An unknown one
 * is never tried anew: nobody knows that it failed. Each failed attempt leads to one new attempt: who asks twice gets one.
 */
export const decideRetry = (batch: Batch, command: BatchCommandOf<"Retry">): Decision => {
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no-such-item", command.item)
  if (isUnrouted(item)) return events({ ...command, _tag: "RetryRequested" })
  if (item.state !== "failed") return refuse(command, "not-failed", command.item)
  const attempt = nextAttempt(item) - 1
  if ((command.attempt ?? attempt) !== attempt)
    return refuse(command, "attempt-not-last", command.item, [attempt])
  if (item.clearanceWithdrawn) return refuse(command, "clearance-withdrawn", command.item)
  if (item.cancelled) return refuse(command, "cancelled", command.item)
  if (item.task !== "none") return refuse(command, "not-due", command.item)
  if (nextAttempt(item) > ATTEMPTS_MAX) return refuse(command, "attempts-exhausted", command.item)
  if (batch.closed !== undefined) return refuse(command, "not-due", command.item)
  return events({ ...command, _tag: "RetryRequested", attempt })
}

/** One attempt at a time, and none while money may still move for another: its word could make this one wrong. */
export const decideResolve = (batch: Batch, command: BatchCommandOf<"Resolve">): Decision => {
  const { item: number, outcome } = command
  const item = batch.items.get(number)
  if (item === undefined) return refuse(command, "no-such-item", number)
  if (item.state !== "parked") return refuse(command, "not-parked", number)
  const inQuestion = attemptsInQuestion(item)
  const candidates = inQuestion.map(({ attempt }) => attempt)
  if (command.attempt === undefined && inQuestion.length !== 1)
    return refuse(command, "attempt-not-named", number, candidates)
  const about = inQuestion.find(({ attempt }) => attempt === (command.attempt ?? attempt))
  if (about === undefined) return refuse(command, "attempt-not-in-question", number, candidates)
  const open = attemptsOf(item).find((other) => other !== about && other.outcome === undefined)
  if (open !== undefined) return refuse(command, "attempt-open", number, [open.attempt])
  if (about.dispute === undefined && about.outcome === outcome) return nothing
  return events({ ...command, _tag: "ParkedResolved", attempt: about.attempt })
}
