/** Derives the public events from a batch's log: a pure function, so that every reader derives the same events. */
import {
  attemptsOf,
  type Batch,
  batchState,
  isAwaitingFunds,
  itemOf,
  waitsForFunds,
} from "../domain/batch.ts"
import type { ClearanceDecision } from "../domain/clearance-answers.ts"
import type { BatchEventOf, RecordedEvent } from "../domain/events.ts"
import { settledIn } from "../domain/gathered-events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { isRest, type PublicItemState, publicStateOf } from "../domain/item-state.ts"
import { masked } from "../domain/masking.ts"
import { formatAmount } from "../domain/money.ts"
import { shownBatch, shownItem, sumOf } from "../domain/shown.ts"
import { isOnItsWay } from "../domain/task.ts"
import { advance, type BatchFold, emptyFold } from "../streams/batch-fold.ts"
import type { LoggedEvent } from "../streams/event-store.ts"
import { type PublicEvent, type PublicEventName, publicEventTypes, sequenceText } from "./public-event.ts"
import { traceParentOf } from "./trace-parent.ts"
import { arrivalFacts, causeFacts, transferFacts } from "./transfer-facts.ts"

/** The fold of a batch, and how many public events its log has yielded so far. */
export interface PublicHistory extends BatchFold {
  readonly id: BatchId
  published: number
}

export const emptyHistory = (id: BatchId): PublicHistory => ({
  ...emptyFold(id),
  id,
  published: 0,
})

/** Folds the next entry of the log into the history, in place, and gives the public events of the entry. */
export const advanceHistory = (history: PublicHistory, recorded: LoggedEvent): ReadonlyArray<PublicEvent> => {
  const before = { awaitedFunds: isAwaitingFunds(history.batch), goingOn: goingOn(history, recorded) }
  advance(history, recorded)
  const events = publicEventsOf(history, recorded, before)
  history.published += events.length
  return events
}

/** The state before an entry: whether the batch awaited funds, and which of its items were on their way to another bank. */
interface Before {
  readonly awaitedFunds: boolean
  readonly goingOn: ReadonlyArray<AboutAttempt>
}

/** Items that a withdrawn clearance stops on their way to another bank. Their last failure is not published yet. */
const goingOn = ({ batch }: PublicHistory, { event }: RecordedEvent): ReadonlyArray<AboutAttempt> =>
  event._tag !== "ClearanceWithdrawn"
    ? []
    : [...new Set(event.decisions.map(({ item }) => item))].flatMap((item) => {
        const payout = batch.items.get(item)
        const attempt = payout?.attempt?.attempt
        return payout !== undefined && attempt !== undefined && isOnItsWay(payout) ? [{ item, attempt }] : []
      })

/**
 * The public events of one entry of the log, in the order of their items. The history has the state after the entry, but
 * the count of public events before it.
 */
const publicEventsOf = (
  history: PublicHistory,
  recorded: RecordedEvent,
  before: Before,
): ReadonlyArray<PublicEvent> => {
  const { event } = recorded
  switch (event._tag) {
    case "ItemsReceived":
      return history.batch.items.size === history.batch.itemCount ? [accepted(history, recorded)] : []
    case "ItemsScreened":
      return strictestOf(event.decisions).map((decision, index) =>
        screened(history, recorded, decision, index + 1),
      )
    case "ClearanceWithdrawn": {
      const decisions = strictestOf(event.decisions)
      return [
        ...decisions.map((decision, index) => withdrawn(history, recorded, decision, index + 1)),
        ...before.goingOn.map((about, index) =>
          second(history, concluded(history, recorded, about, decisions.length + index + 1)),
        ),
      ]
    }
    case "ItemReviewed":
      return event.decision === "rejected" ? [reviewed(history, recorded, event)] : []
    case "ItemsCancelled":
      return event.items.map((item, index) => cancelled(history, recorded, event, item, index + 1))
    case "PostingRefused":
      return before.awaitedFunds || batchState(history.batch) !== "awaiting-funds"
        ? []
        : [awaitingFunds(history, recorded, event)]
    case "ItemsUnrouted":
      return event.items.map((item, index) => unrouted(history, recorded, item, index + 1))
    case "TransferFailed":
      return isOnItsWay(itemOf(history.batch, event.item)) ? [] : [concluded(history, recorded, event)]
    case "TransferWithdrawn":
      // The log event that comes with it publishes the cancellation or the resolution.
      return event.cause === "cancellation" || event.cause === "resolution"
        ? []
        : [concluded(history, recorded, event)]
    case "TransfersSettled":
      return settledIn(event).map((settled, index) =>
        concluded(history, { version: recorded.version, event: settled }, settled, index + 1),
      )
    case "TransferSettled":
    case "TransferReturned":
    case "TransferParked":
    case "LateOutcomeDetected":
    case "ParkedResolved":
      return [concluded(history, recorded, event)]
    case "CommandRefused":
      return [commandRefused(history, recorded, event)]
    case "BatchClosed":
      return [closed(history, recorded, event)]
    // Intermediate steps. Partners are notified of their outcome. Listed one by one, so that a new event does not compile
    // before it is listed.
    case "BatchReceived":
    case "BatchRescheduled":
    case "ScreeningRequested":
    case "ClearancePending":
    case "BatchApproved":
    case "ApprovalExpired":
    case "ApprovalDeclined":
    case "ExecutionStarted":
    case "CancellationRefused":
    case "PostingRequested":
    case "PostingBooked":
    case "FundsArrived":
    case "TransfersRequested":
    case "TransferResent":
    case "TransferAccepted":
    case "TransfersAccepted":
    case "TransferUnknown":
    case "WithdrawalsRequested":
    case "WithdrawalRefused":
    case "ResolutionProposed":
    case "RetryRequested":
    case "RerouteRequested":
      return []
  }
}

/** The decision that stops each item: of several findings the last, which is the strictest. */
const strictestOf = (decisions: ReadonlyArray<ClearanceDecision>): ReadonlyArray<ClearanceDecision> => {
  const stopping = decisions.filter(({ decision, released }) => decision !== "approved" && released !== true)
  return [...new Map(stopping.map((decision) => [decision.item, decision])).values()]
}

const accepted = (history: PublicHistory, recorded: RecordedEvent): PublicEvent => ({
  ...envelope(history, recorded, "PayoutBatchAccepted"),
  data: {
    ...batchFacts(history),
    state: "received",
    accepted: byCurrency(history, (amount) => amount()),
  },
})

const awaitingFunds = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { retryAt }: BatchEventOf<"PostingRefused">,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutBatchAwaitingFunds"),
  data: {
    ...batchFacts(history),
    state: "awaiting-funds",
    refused: refusedTotals(history),
    retryAt: new Date(retryAt).toISOString(),
  },
})

const commandRefused = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { command, commandId, reason, item, by }: BatchEventOf<"CommandRefused">,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutBatchCommandRefused"),
  data: {
    ...batchFacts(history),
    state: batchState(history.batch),
    commandId,
    command: publicCommands[command],
    reason,
    ...(item === undefined ? {} : { item }),
    by: masked(by),
  },
})

const publicCommands = {
  Approve: "approve",
  Decline: "decline",
  Cancel: "cancel",
  Review: "review",
  Retry: "retry",
  Resolve: "resolve",
  Reschedule: "reschedule",
} as const

const closed = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { state }: BatchEventOf<"BatchClosed">,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutBatchClosed"),
  data: {
    ...batchFacts(history),
    state,
    totals: byCurrency(history, (amount) => ({
      accepted: amount(),
      settled: amount("settled"),
      failed: amount("failed"),
      returned: amount("returned"),
      rejected: amount("rejected"),
      cancelled: amount("cancelled"),
    })),
  },
})

/** The screening of one of several items: the `nth` event of its entry. */
const screened = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { item, decision, reason }: ClearanceDecision,
  nth: number,
): PublicEvent => {
  const data = {
    ...payout(history, item),
    ...(reason === undefined ? {} : { reason }),
  }
  return decision === "review"
    ? { ...envelope(history, recorded, "PayoutHeld", item, nth), data: { ...data, state: "held" } }
    : { ...envelope(history, recorded, "PayoutRejected", item, nth), data: { ...data, state: "rejected" } }
}

/** The engine's stricter decision on one of several items that it had approved before: the `nth` event of its entry. */
const withdrawn = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { item, decision, reason }: ClearanceDecision,
  nth: number,
): PublicEvent => {
  if (decision === "approved") throw new Error(`item ${item} is approved too late: the log is not legal`)
  return {
    ...envelope(history, recorded, "PayoutClearanceWithdrawn", item, nth),
    data: {
      ...payout(history, item),
      state: publicStateOf(itemOf(history.batch, item).state),
      decision,
      ...(reason === undefined ? {} : { reason }),
    },
  }
}

const reviewed = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { item, reason }: BatchEventOf<"ItemReviewed">,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutRejected", item),
  data: { ...payout(history, item), state: "rejected", reason },
})

const cancelled = (
  history: PublicHistory,
  recorded: RecordedEvent,
  { reason }: BatchEventOf<"ItemsCancelled">,
  item: number,
  nth: number,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutCancelled", item, nth),
  data: { ...payout(history, item), state: "cancelled", reason },
})

const unrouted = (
  history: PublicHistory,
  recorded: RecordedEvent,
  item: number,
  nth: number,
): PublicEvent => ({
  ...envelope(history, recorded, "PayoutUnrouted", item, nth),
  data: { ...payout(history, item), state: "parked", reason: itemOf(history.batch, item).reason ?? "" },
})

/**
 * The state of an item after a report of a bank or a resolution by a person. While an attempt is in dispute, or two were
 * paid, the item is parked, whatever was reported of its other attempts. It may be the `nth` event of its entry.
 */
const concluded = (
  history: PublicHistory,
  recorded: RecordedEvent,
  about: AboutAttempt,
  nth?: number,
): PublicEvent => {
  const item = itemOf(history.batch, about.item)
  const paid = attemptsOf(item).find(({ outcome }) => outcome === "settled" && item.state === "settled")
  const attempt = paid?.attempt ?? about.attempt
  const data = { ...payout(history, item.item), ...transferFacts(item, attempt) }
  const cause = () => causeFacts(item, attempt, recorded.event)
  const event = <Name extends PublicEventName>(name: Name) =>
    envelope(history, recorded, name, item.item, nth)
  const { state } = item
  const illegal = `item ${item.item} is ${state} after its outcome: the log is not legal`
  if (!isRest(state)) throw new Error(illegal)
  switch (state) {
    case "settled":
      return {
        ...event("PayoutSettled"),
        data: { ...data, state: "settled", ...arrivalFacts(item, attempt) },
      }
    case "failed":
      return { ...event("PayoutFailed"), data: { ...data, state: "failed", ...cause() } }
    case "returned":
      return { ...event("PayoutReturned"), data: { ...data, state: "returned", ...cause() } }
    case "parked":
      return { ...event("PayoutParked"), data: { ...data, state: "parked", reason: item.reason ?? "" } }
    case "held":
    case "rejected":
    case "cancelled":
      throw new Error(illegal)
  }
}

interface AboutAttempt {
  readonly item: number
  readonly attempt: number
}

/** Marks an event as the second one of its entry about the same item. */
const second = ({ batch }: PublicHistory, event: PublicEvent): PublicEvent => {
  const id = `${event.id}:2`
  return { ...event, id, ...traced(batch, id) }
}

/** The fields that all events have. An event that is the `nth` of its entry has the item in its id. */
const envelope = <Name extends PublicEventName>(
  { id, batch, published }: PublicHistory,
  { version, event }: RecordedEvent,
  name: Name,
  item?: number,
  nth?: number,
) => {
  const eventId = nth === undefined ? `${id}:${version}` : `${id}:${version}:${item}`
  return {
    specversion: "1.0" as const,
    id: eventId,
    source: "/atlaspay" as const,
    type: publicEventTypes[name],
    subject: item === undefined ? id : `${id}/${item}`,
    time: new Date(event.at).toISOString(),
    datacontenttype: "application/json" as const,
    partner: batch.partner,
    ...traced(batch, eventId),
    sequence: sequenceText(published + (nth ?? 1)),
  }
}

/** The trace of the batch, if it has one. Each event is a span of its own in it. */
const traced = ({ trace }: Batch, eventId: string) =>
  trace === undefined ? {} : { traceparent: traceParentOf(trace, eventId) }

const batchFacts = ({ id, batch }: PublicHistory) => ({
  batchId: id,
  partner: batch.partner,
  ...(batch.reference === undefined ? {} : { reference: batch.reference }),
  itemCount: batch.itemCount,
})

const payout = (history: PublicHistory, number: number) => {
  const { item, reference, currency, minor, payee } = shownItem(itemOf(history.batch, number))
  return {
    batchId: history.id,
    partner: history.batch.partner,
    item,
    itemReference: reference,
    amount: { currency, value: formatAmount(minor, currency) },
    ...(payee === undefined ? {} : { payee }),
  }
}

/** A value by currency, made from the decimal totals of the items in a state, or of all items. */
const byCurrency = <A>(
  { batch }: PublicHistory,
  of: (amount: (only?: PublicItemState) => string) => A,
): Record<string, A> => {
  const { totals } = shownBatch(batch)
  return Object.fromEntries(
    Object.keys(totals).map((currency) => [
      currency,
      of((only) => formatAmount(sumOf(totals, currency, only), currency)),
    ]),
  )
}

/** Decimal totals by currency of the holds that the ledger refused for lack of funds. */
const refusedTotals = ({ batch }: PublicHistory): Record<string, string> => {
  const totals = new Map<string, bigint>()
  for (const number of batch.refused) {
    const item = batch.items.get(number)
    if (item !== undefined && waitsForFunds(item, item.currency))
      totals.set(item.currency, (totals.get(item.currency) ?? 0n) + item.minor)
  }
  return Object.fromEntries([...totals].map(([currency, minor]) => [currency, formatAmount(minor, currency)]))
}
