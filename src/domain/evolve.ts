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
  type Tally,
  type Withdrawal,
  waitsForFunds,
} from "./batch.ts"
import { refuseCancellation } from "./cancellation-refusal.ts"
import { enterIndex, leaveIndex } from "./due-index.ts"
import type { BatchEvent, BatchEventOf, OpenRefusal, PayoutItem, TransferIntent } from "./events.ts"
import { begin } from "./evolve-receipt.ts"
import { type Answer, answered, askedAbout, reviewing, waitsForAnswer } from "./evolve-screening.ts"
import type { ItemState } from "./item-state.ts"
import { newItem } from "./new-item.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText } from "./outside-text.ts"
import { rescheduled } from "./reschedule.ts"
import { taskOf } from "./task.ts"

/** Folds one event into the batch, in place. Total over every event that `decide` emits. */
export const evolve = (batch: Batch, event: BatchEvent): Batch => {
  batch.version += 1
  batch.updatedAt = event.at
  noteAnswer(batch, event)
  switch (event._tag) {
    case "BatchReceived":
      return begin(batch, event)
    case "ItemsReceived":
      for (const item of event.items) addItem(batch, item)
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
      for (const { item } of event.decisions) change(batch, item, { clearanceWithdrawn: true })
      return screened(batch, event)
    case "ItemReviewed":
      return change(batch, event.item, reviewing(itemOf(batch, event.item), event))
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
      return changeAll(batch, event.items, { state: "cancelled", cancelled: true, reason: event.reason })
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
      return changeAll(batch, event.items, { posting: event.posting })
    case "PostingBooked":
      return booked(batch, event.posting)
    case "PostingRefused":
      return refused(batch, event)
    case "FundsArrived":
      return funded(batch, event)
    case "TransfersRequested":
      for (const transfer of event.transfers) requested(batch, event.at, transfer)
      return batch
    case "TransferResent":
      return tracked(batch, event, "transferring", (attempt) => {
        attempt.sends += 1
        attempt.inquiries = 0
        attempt.inquireAt = undefined
        attempt.unknownSince = undefined
      })
    case "TransferAccepted":
      return tracked(batch, event, "pending", (attempt) => {
        attempt.transferId = event.transferId
        attempt.inquireAt = event.inquireAt
        attempt.inquiries += 1
        attempt.refusal = undefined
        attempt.refusalsInDoubt = []
      })
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
      return change(batch, event.item, { proposal: event })
    case "ParkedResolved":
      return resolved(batch, event)
    case "RetryRequested":
      return change(batch, event.item, { state: "screened", reason: undefined, reroute: undefined })
    case "RerouteRequested":
      return rerouted(batch, event)
    case "ItemsUnrouted":
      return changeAll(batch, event.items, {
        state: "parked",
        reason: cleanText(`no rule of version ${event.version} leads to a bank`),
      })
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

const addItem = (batch: Batch, accepted: PayoutItem): void => {
  const item = newItem(accepted, batch.version)
  batch.items.set(item.item, item)
  batch.tasks.submit.add(item.item)
  const tally = tallyOf(talliesOf(batch, item.currency), item.state)
  tally.count += 1
  tally.minor += item.minor
}

const asked = (batch: Batch, { at, clearance, items }: BatchEventOf<"ScreeningRequested">): Batch => {
  batch.clearanceCount = clearance
  batch.clearances.set(clearance, { items, askedAt: at, decideBy: undefined, deferrals: 0 })
  for (const item of items) change(batch, item, askedAbout(itemOf(batch, item), clearance))
  return batch
}

/** Folds an answer. Items that were cancelled meanwhile stay cancelled, whatever the answer. */
const screened = (batch: Batch, event: Answer): Batch => {
  const open = batch.clearances.get(event.clearance)
  for (const decided of event.decisions)
    change(batch, decided.item, answered(itemOf(batch, decided.item), decided, event, open))
  if (open !== undefined && !isAwaited(batch, event.clearance, open)) batch.clearances.delete(event.clearance)
  return batch
}

const deferred = (batch: Batch, event: BatchEventOf<"ClearancePending">): Batch => {
  const clearance = batch.clearances.get(event.clearance)
  if (clearance === undefined)
    throw new Error(`clearance ${event.clearance} waits for nothing: the log is not legal`)
  clearance.decideBy = event.decideBy
  clearance.deferrals += 1
  for (const item of event.items)
    if (itemOf(batch, item).state === "screening")
      change(batch, item, { reason: cleanText("the compliance engine decides later") })
  return batch
}

const bookings = { hold: "held", post: "posted", release: "released", reverse: "reversed" } as const

const booked = (batch: Batch, number: number): Batch => {
  const { kind, items } = takePosting(batch, number)
  return changeAll(batch, items, { posting: undefined, ledger: bookings[kind] })
}

/** Folds a refused posting. Items that need another posting by now, or none, do not wait for this one. */
const refused = (batch: Batch, { posting, code, retryAt }: BatchEventOf<"PostingRefused">): Batch => {
  const { kind, items } = takePosting(batch, posting)
  for (const number of items) {
    const times = (itemOf(batch, number).refusal?.times ?? 0) + 1
    change(batch, number, { posting: undefined })
    if (itemOf(batch, number).task !== kind) continue
    change(batch, number, { refusal: { posting, kind, code, times, retryAt } })
    if (waitsForFunds(itemOf(batch, number), itemOf(batch, number).currency))
      itemOf(batch, number).waitedForFunds = true
  }
  return batch
}

const funded = (batch: Batch, { at, currency }: BatchEventOf<"FundsArrived">): Batch => {
  for (const number of batch.refused) {
    const item = itemOf(batch, number)
    if (item.refusal !== undefined && waitsForFunds(item, currency))
      change(batch, number, { refusal: { ...item.refusal, retryAt: Math.min(item.refusal.retryAt, at) } })
  }
  return batch
}

const takePosting = (batch: Batch, number: number) => {
  const posting = batch.postings.get(number)
  if (posting === undefined) throw new Error(`posting ${number} was never requested: the log is not legal`)
  batch.postings.delete(number)
  return posting
}

const requested = (batch: Batch, at: number, intent: TransferIntent): void => {
  const { attempt, earlier, reroute } = itemOf(batch, intent.item)
  if (attempt !== undefined) earlier.push(attempt)
  change(batch, intent.item, {
    state: "transferring",
    reroute: undefined,
    attempt: newAttempt(at, intent, (attempt?.round ?? 0) + (reroute === undefined ? 1 : 0)),
  })
}

const rerouted = (batch: Batch, { item }: BatchEventOf<"RerouteRequested">): Batch =>
  change(batch, item, { state: "screened", reason: undefined, reroute: itemOf(batch, item).attempt?.route })

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

const withdrawalRequested = (batch: Batch, about: Omit<AboutTransfer, "at">, asked: Withdrawal): Batch =>
  mended(batch, about, (attempt) => {
    attempt.withdrawal = asked
  })

/** Changes an attempt without a change of its phase. */
const mended = (batch: Batch, about: Omit<AboutTransfer, "at">, mend: (attempt: Attempt) => void): Batch => {
  mend(currentAttempt(batch, about))
  return change(batch, about.item, {})
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
  attempt.refusalsAsked.push(refusal)
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
  attempt.reports.push(outcome)
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
  attempt.reports.push(event.reported)
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
  change(batch, item, standing(itemOf(batch, item), reason))

const changeAll = (batch: Batch, items: Iterable<number>, fields: Partial<Item>): Batch => {
  for (const item of items) change(batch, item, fields)
  return batch
}

const change = (batch: Batch, number: number, fields: Partial<Item>): Batch => {
  const item = itemOf(batch, number)
  if (fields.state !== undefined && fields.state !== item.state) {
    const tallies = talliesOf(batch, item.currency)
    const [left, entered] = [tallyOf(tallies, item.state), tallyOf(tallies, fields.state)]
    left.count -= 1
    left.minor -= item.minor
    entered.count += 1
    entered.minor += item.minor
  }
  if (fields.state !== undefined) item.proposal = undefined
  if (fields.state === "held" || fields.state === "parked") item.attended = true
  leaveIndex(batch, item)
  Object.assign(item, fields)
  if (item.asked !== undefined && !waitsForAnswer(item)) item.asked = undefined
  if (fields.state !== undefined) item.since = batch.version
  const task = taskOf(item)
  if (task !== item.task) {
    batch.tasks[item.task].delete(number)
    batch.tasks[task].add(number)
    item.task = task
    if (task === "request") item.place = ++batch.placeCount
  }
  if (task !== "book" && task !== item.refusal?.kind) item.refusal = undefined
  enterIndex(batch, item)
  return batch
}

type Tallies = Map<ItemState, Tally>

const talliesOf = ({ tallies }: Batch, currency: string): Tallies =>
  tallies.get(currency) ?? kept(tallies, currency, new Map())

const tallyOf = (tallies: Tallies, state: ItemState): Tally =>
  tallies.get(state) ?? kept(tallies, state, { count: 0, minor: 0n })

const kept = <K, V>(map: Map<K, V>, key: K, made: V): V => {
  map.set(key, made)
  return made
}

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
