/**
 * Folds events into a payout batch.
 *
 * A fold owns its state: `evolve` changes it in place and returns it, so that an event costs the same in a batch of any size.
 * A caller that cannot append the events that it folded discards the state and folds the log again.
 */

import { noteAnswer } from "./answer-command.ts"
import { newAttempt, standing } from "./attempts.ts"
import {
  type Attempt,
  type AttemptPhase,
  approve,
  attemptOf,
  type Batch,
  emptyBatch,
  type Item,
  isAwaited,
  itemOf,
  type Withdrawal,
  waitsForFunds,
} from "./batch.ts"
import { refuseCancellation } from "./cancellation-refusal.ts"
import { addItem, change, changeAll, changeEach, enter } from "./change-item.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import { begin } from "./evolve-receipt.ts"
import { type Answer, answer, answered, askAbout, review } from "./evolve-screening.ts"
import { newItem } from "./new-item.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText } from "./outside-text.ts"
import { rescheduled } from "./reschedule.ts"
import type { OpenRefusal } from "./transfer-events.ts"

/** Folds one event into the batch, in place. Total over every event that `decide` emits. */
export const evolve = (batch: Batch, event: BatchEvent): Batch => {
  batch.version += 1
  batch.updatedAt = event.at
  noteAnswer(batch, event)
  switch (event._tag) {
    case "BatchReceived":
      return begin(batch, event)
    case "ItemsReceived":
      for (const item of event.items) addItem(batch, newItem(item, batch.version))
      batch.seals.push({
        from: event.items[0].item,
        to: event.items.at(-1)?.item ?? 0,
        sealed: event.sealed,
      })
      return batch
    case "ScreeningRequested":
      return asked(batch, event)
    case "ItemsScreened":
      return screened(batch, event)
    case "ClearancePending":
      return deferred(batch, event)
    case "ClearanceWithdrawn":
      for (const { item } of event.decisions) clearanceWithdrawn(batch, item)
      return screened(batch, event)
    case "ItemReviewed":
      return change(batch, event.item, (item) => review(batch, item, event))
    case "BatchApproved":
      if (batch.approval !== undefined) approve(batch.approval, event)
      return batch
    case "ApprovalExpired":
      if (batch.approval !== undefined) batch.approval.expired = true
      return batch
    case "ApprovalDeclined":
      if (batch.approval !== undefined) batch.approval.declined = true
      return batch
    case "ExecutionStarted":
      batch.startedAt = event.at
      batch.arrivals = event.arrivals
      return batch
    case "ItemsCancelled":
      return changeAll(batch, event.items, (item) => {
        enter(batch, item, "cancelled", event.reason)
        item.cancelled = true
      })
    case "CancellationRefused":
      return refuseCancellation(batch, event)
    case "CommandRefused":
      return batch
    case "BatchRescheduled":
      return rescheduled(batch, event)
    case "PostingRequested":
      // Logs of old releases do not record the start. A hold is the first thing that a started batch does.
      if (event.kind === "hold") batch.startedAt ??= event.at
      batch.postingCount = event.posting
      batch.postings.set(event.posting, event)
      return changeAll(batch, event.items, (item) => {
        item.posting = event.posting
      })
    case "PostingBooked":
      return booked(batch, event.posting)
    case "PostingRefused":
      return refused(batch, event)
    case "FundsArrived":
      return funded(batch, event)
    case "TransfersRequested":
      return requested(batch, event)
    case "TransferResent":
      return tracked(batch, event, "transferring", (attempt) => {
        attempt.sends += 1
        attempt.inquiries = 0
        attempt.inquireAt = undefined
        attempt.unknownSince = undefined
      })
    case "TransferAccepted":
      return accepted(batch, event)
    case "TransfersAccepted":
      for (const about of event.transfers) accepted(batch, about)
      return batch
    case "TransferUnknown":
      return tracked(batch, event, "unknown", (attempt) => {
        attempt.unknownSince ??= event.at
        attempt.inquireAt = event.inquireAt
        attempt.inquiries += 1
        attempt.refusal = event.refusal ?? attempt.refusal
        if (event.refusal !== undefined) doubt(attempt, event.refusal)
      })
    case "TransferSettled":
      return concluded(batch, event, "settled", undefined)
    case "TransfersSettled":
      for (const about of event.transfers) concluded(batch, about, "settled", undefined)
      return batch
    case "TransferFailed":
      return concluded(batch, event, "failed", event)
    case "TransferReturned":
      return concluded(batch, event, "returned", event)
    case "TransferParked":
      return parked(batch, event)
    case "WithdrawalsRequested":
      for (const about of event.transfers) withdrawalRequested(batch, about, event)
      return batch
    case "WithdrawalRefused":
      return mended(batch, event, (attempt) => {
        attempt.withdrawal = undefined
        attempt.withdrawable = event.goingOut === true
      })
    case "TransferWithdrawn":
      concluded(batch, event, "failed", undefined)
      return stand(batch, event, cleanText("withdrawn before it went out"))
    case "LateOutcomeDetected":
      return disputed(batch, event)
    case "ResolutionProposed":
      return change(batch, event.item, (item) => {
        item.proposal = event
      })
    case "ParkedResolved":
      return resolved(batch, event)
    case "RetryRequested":
      return readied(batch, event.item, () => undefined)
    case "RerouteRequested":
      return readied(batch, event.item, ({ attempt }) => attempt?.route)
    case "ItemsUnrouted": {
      const reason = cleanText(`no rule of version ${event.version} leads to a bank`)
      return changeAll(batch, event.items, (item) => enter(batch, item, "parked", reason))
    }
    case "BatchClosed":
      batch.closed = event.state
      batch.closedAt = event.at
      return batch
    default:
      return unreachable(event)
  }
}

/** Folds events in order into `batch`, which is changed in place; by default into an empty batch. */
export const fold = (events: Iterable<BatchEvent>, batch: Batch = emptyBatch()): Batch => {
  for (const event of events) evolve(batch, event)
  return batch
}

const asked = (batch: Batch, { at, clearance, items }: BatchEventOf<"ScreeningRequested">): Batch => {
  batch.clearanceCount = clearance
  batch.clearances.set(clearance, { items, askedAt: at, decideBy: undefined, deferrals: 0 })
  return changeAll(batch, items, (item) => askAbout(batch, item, clearance))
}

const clearanceWithdrawn = (batch: Batch, number: number): Batch =>
  change(batch, number, (item) => {
    item.clearanceWithdrawn = true
  })

/** Folds an answer. Items that were cancelled meanwhile stay cancelled, whatever the answer. */
const screened = (batch: Batch, event: Answer): Batch => {
  const open = batch.clearances.get(event.clearance)
  const lastAnswer = answered(event, open)
  changeEach(batch, event.decisions, (item, decided) => answer(batch, item, decided, event, lastAnswer))
  if (open !== undefined && !isAwaited(batch, event.clearance, open)) batch.clearances.delete(event.clearance)
  return batch
}

const deferred = (batch: Batch, event: BatchEventOf<"ClearancePending">): Batch => {
  const clearance = batch.clearances.get(event.clearance)
  if (clearance === undefined)
    throw new Error(`clearance ${event.clearance} waits for nothing: the log is not legal`)
  clearance.decideBy = event.decideBy
  clearance.deferrals += 1
  const reason = cleanText("the compliance engine decides later")
  for (const number of event.items)
    if (itemOf(batch, number).state === "screening")
      change(batch, number, (item) => {
        item.reason = reason
      })
  return batch
}

const bookings = { hold: "held", post: "posted", release: "released", reverse: "reversed" } as const

const booked = (batch: Batch, number: number): Batch => {
  const { kind, items } = takePosting(batch, number)
  const ledger = bookings[kind]
  return changeAll(batch, items, (item) => {
    item.posting = undefined
    item.ledger = ledger
  })
}

/** Folds a refused posting. Items that need another posting by now, or none, do not wait for this one. */
const refused = (batch: Batch, { posting, code, retryAt }: BatchEventOf<"PostingRefused">): Batch => {
  const { kind, items } = takePosting(batch, posting)
  for (const number of items) {
    const times = (itemOf(batch, number).refusal?.times ?? 0) + 1
    change(batch, number, (item) => {
      item.posting = undefined
    })
    if (itemOf(batch, number).task !== kind) continue
    change(batch, number, (item) => {
      item.refusal = { posting, kind, code, times, retryAt }
    })
    if (waitsForFunds(itemOf(batch, number), itemOf(batch, number).currency))
      itemOf(batch, number).waitedForFunds = true
  }
  return batch
}

const funded = (batch: Batch, { at, currency }: BatchEventOf<"FundsArrived">): Batch => {
  for (const number of batch.refused) {
    const { refusal } = itemOf(batch, number)
    if (refusal === undefined || !waitsForFunds(itemOf(batch, number), currency)) continue
    change(batch, number, (item) => {
      item.refusal = { ...refusal, retryAt: Math.min(refusal.retryAt, at) }
    })
  }
  return batch
}

const takePosting = (batch: Batch, number: number) => {
  const posting = batch.postings.get(number)
  if (posting === undefined) throw new Error(`posting ${number} was never requested: the log is not legal`)
  batch.postings.delete(number)
  return posting
}

const requested = (batch: Batch, { at, transfers }: BatchEventOf<"TransfersRequested">): Batch =>
  changeEach(batch, transfers, (item, intent) => {
    const { attempt, earlier, reroute } = item
    if (attempt !== undefined) item.earlier = [...earlier, attempt]
    enter(batch, item, "transferring", item.reason)
    item.reroute = undefined
    item.attempt = newAttempt(at, intent, (attempt?.round ?? 0) + (reroute === undefined ? 1 : 0))
  })

/** The item is to be paid again, by the rules or after the route of its refused attempt. */
const readied = (batch: Batch, number: number, rerouteOf: (item: Item) => Item["reroute"]): Batch =>
  change(batch, number, (item) => {
    enter(batch, item, "screened", undefined)
    item.reroute = rerouteOf(item)
  })

type AboutTransfer = { readonly at: number; readonly item: number; readonly attempt: number }

const tracked = (
  batch: Batch,
  about: AboutTransfer,
  phase: AttemptPhase,
  mend: (attempt: Attempt) => void,
): Batch => {
  const attempt = currentAttempt(batch, about)
  attempt.phase = phase
  mend(attempt)
  return stand(batch, about, itemOf(batch, about.item).reason)
}

const accepted = (batch: Batch, about: Omit<BatchEventOf<"TransferAccepted">, "_tag">): Batch =>
  tracked(batch, about, "pending", (attempt) => {
    attempt.transferId = about.transferId
    attempt.inquireAt = about.inquireAt
    attempt.inquiries += 1
    attempt.refusal = undefined
    attempt.refusalsInDoubt = []
  })

const withdrawalRequested = (batch: Batch, about: Omit<AboutTransfer, "at">, asked: Withdrawal): Batch =>
  mended(batch, about, (attempt) => {
    attempt.withdrawal = asked
  })

/** Changes an attempt without a change of its phase. */
const mended = (batch: Batch, about: Omit<AboutTransfer, "at">, mend: (attempt: Attempt) => void): Batch => {
  const attempt = currentAttempt(batch, about)
  return change(batch, about.item, () => mend(attempt))
}

/** The attempt is parked: its bank is no longer asked, and a person decides. */
const parked = (batch: Batch, event: BatchEventOf<"TransferParked">): Batch => {
  const attempt = currentAttempt(batch, event)
  attempt.phase = "parked"
  attempt.inquireAt = undefined
  if (event.refusal !== undefined) doubt(attempt, event.refusal)
  return stand(batch, event, event.reason)
}

const doubt = (attempt: Attempt, refusal: OpenRefusal): void => {
  attempt.refusalsInDoubt = [...attempt.refusalsInDoubt, refusal]
  attempt.refusalsAsked = [...attempt.refusalsAsked, refusal]
}

/** What a bank reported when it refused or returned a transfer. */
type Refusal = Pick<BatchEventOf<"TransferReturned">, "code"> &
  Partial<Pick<BatchEventOf<"TransferFailed">, "category" | "retryable" | "reroutable">>

const concluded = (
  batch: Batch,
  about: AboutTransfer,
  outcome: TransferFinal,
  refusal: Refusal | undefined,
): Batch => {
  const attempt = anyAttempt(batch, about)
  attempt.outcome = outcome
  attempt.reports = [...attempt.reports, outcome]
  attempt.concludedAt = about.at
  attempt.inquireAt = undefined
  attempt.refusal = attempt.withdrawal = undefined
  attempt.code = refusal?.code
  attempt.category = refusal?.category
  attempt.retryable = refusal?.retryable ?? false
  attempt.reroutable = refusal?.reroutable ?? false
  return stand(batch, about, refusal?.code)
}

/** A payment that was made after all is booked like any other. Every other contradiction is for a person to resolve. */
const disputed = (batch: Batch, event: BatchEventOf<"LateOutcomeDetected">): Batch => {
  const attempt = anyAttempt(batch, event)
  attempt.reports = [...attempt.reports, event.reported]
  if (event.compensation === "review" || event.reported === "accepted") {
    const { reported, recorded } = event
    attempt.dispute = cleanText(`of attempt ${event.attempt} the bank reported ${reported} after ${recorded}`)
  } else {
    attempt.outcome = event.reported
    attempt.concludedAt = event.at
    attempt.dispute = undefined
  }
  return stand(batch, event, undefined)
}

/** Folds a resolution. After it, no policy retries the item. */
const resolved = (batch: Batch, event: BatchEventOf<"ParkedResolved">): Batch => {
  const attempt = anyAttempt(batch, event)
  attempt.outcome = event.outcome
  attempt.concludedAt = event.at
  attempt.dispute = attempt.refusal = attempt.withdrawal = undefined
  const { attempt: last } = itemOf(batch, event.item)
  if (last !== undefined) last.retryable = last.reroutable = false
  return stand(batch, event, event.reason)
}

const stand = (batch: Batch, { item }: AboutTransfer, reason: Item["reason"]): Batch =>
  change(batch, item, (item) => {
    const stands = standing(item, reason)
    enter(batch, item, stands.state, stands.reason)
  })

const anyAttempt = (batch: Batch, about: AboutTransfer): Attempt => {
  const attempt = attemptOf(itemOf(batch, about.item), about.attempt)
  if (attempt === undefined)
    throw new Error(`item ${about.item} has no attempt ${about.attempt}: the log is not legal`)
  return attempt
}

const currentAttempt = (batch: Batch, about: Omit<AboutTransfer, "at">): Attempt => {
  const { attempt } = itemOf(batch, about.item)
  if (attempt?.attempt !== about.attempt)
    throw new Error(`item ${about.item} has no attempt ${about.attempt} under way: the log is not legal`)
  return attempt
}

const unreachable = (event: never): never => {
  throw new Error(`no such event: ${JSON.stringify(event)}`)
}
