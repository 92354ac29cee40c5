/** One event of a log and the state after it, as text and as JSON. Neither contains an account number. */

import type { Batch } from "../domain/batch.ts"
import { refusedIn } from "../domain/cancellation-refusal.ts"
import type { BatchEvent, BatchEventOf, RecordedEvent } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import { masked } from "../domain/masking.ts"
import { formatAmount } from "../domain/money.ts"
import { mapTotals, type ShownBatch, shownBatch, sumOf } from "../domain/shown.ts"
import type { TransferIntent } from "../domain/transfer-events.ts"
import { aligned } from "../terminal/text-table.ts"

/** A step of the fold, and the batch after it. */
export interface ReplayStep {
  readonly recorded: RecordedEvent
  readonly change: string
  readonly shown: ShownBatch
}

/** Folds the next event into the batch, in place. */
export const step = (batch: Batch, recorded: RecordedEvent): ReplayStep => {
  evolve(batch, recorded.event)
  return { recorded, change: changeOf(batch, recorded.event), shown: shownBatch(batch) }
}

/** `   17 09:30:12.345 TransferSettled      item 3, EUR 12.34, by callback │ settling │ EUR 12.34/120.00`. */
export const replayLine = ({ recorded: { version, event }, change, shown }: ReplayStep): string => {
  const at = isoTime(event.at).slice(11, 23)
  const { state, totals } = shown
  const amount = (currency: string, only?: "settled") => formatAmount(sumOf(totals, currency, only), currency)
  const settled = Object.keys(totals).map(
    (currency) => `${currency} ${amount(currency, "settled")}/${amount(currency)}`,
  )
  const what = `${String(version).padStart(5)} ${at} ${event._tag.padEnd(19)} ${change.padEnd(48)}`
  return [what, state.padEnd(9), settled.join("  ")].join(" │ ")
}

/** `{version, at, event, change, state, totals: {EUR: {settled: "12.34", …}}}`; states without items are left out. */
export const replayJson = ({ recorded: { version, event }, change, shown }: ReplayStep) => ({
  version,
  at: isoTime(event.at),
  event: event._tag,
  change,
  state: shown.state,
  totals: mapTotals(shown.totals, ({ minor }, currency) => formatAmount(minor, currency)),
})

/** The state of the batch after the last event. */
export const closingLines = (batch: Batch): ReadonlyArray<string> => {
  const { state, version, itemCount, totals } = shownBatch(batch)
  const rows = Object.entries(totals).flatMap(([currency, states]) =>
    Object.entries(states).map(([state, { count, minor }]) => [
      state,
      String(count),
      currency,
      formatAmount(minor, currency),
    ]),
  )
  return ["", `${state} at version ${version}, ${itemCount} items`, ...aligned(rows)]
}

/** `2 approved, 1 rejected, payees: 2 match, 1 no-match`. */
const verdictsIn = ({ decisions }: BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">): string => {
  const verdicts = countsIn(
    decisions.map(({ decision, cause }) => (cause === undefined ? decision : `${decision} (${cause})`)),
  )
  const payees = countsIn(decisions.flatMap(({ payee }) => payee ?? []))
  return payees === "" ? verdicts : `${verdicts}, payees: ${payees}`
}

const countsIn = (words: ReadonlyArray<string>): string =>
  [...Map.groupBy(words, (word) => word)].map(([word, all]) => `${all.length} ${word}`).join(", ")

const isoTime = (at: number): string => new Date(at).toISOString()

/** `north by rule sepa-small of 2026-11-26`; logs from before rules were recorded have the bank only. */
const destination = ({ bank, route }: TransferIntent): string =>
  route === undefined ? bank : `${bank} by rule ${route.rule} of ${route.version}`

/**
 * The credential, and the name that was typed under it. The name may be an account number, so it is masked. Logs from
 * before credentials were kept have the name only.
 */
const personOf = ({ by, credential, typedBy = by }: Person): string =>
  credential === undefined ? masked(by) : `${credential} ("${masked(typedBy)}")`

interface Person {
  readonly by: string
  readonly credential?: string
  readonly typedBy?: string
}

/** A short description of what an event changed. */
export const changeOf = (batch: Batch, event: BatchEvent): string => {
  const payout = (number: number): string => {
    const item = batch.items.get(number)
    return item === undefined
      ? `item ${number}`
      : `item ${number}, ${item.currency} ${formatAmount(item.minor, item.currency)}`
  }
  switch (event._tag) {
    case "BatchReceived":
      return `${event.itemCount} items from ${event.partner}`
    case "ItemsReceived":
      return `items ${event.items[0].item} to ${event.items.at(-1)?.item}`
    case "ItemsScreened":
      return `${verdictsIn(event)}, lists ${event.listVersion}`
    case "ClearancePending":
      return `${event.items.length} items pending, next inquiry ${isoTime(event.decideBy)}`
    case "ClearanceWithdrawn":
      return `too late: ${verdictsIn(event)}, lists ${event.listVersion}`
    case "ScreeningRequested":
      return `clearance ${event.clearance}: ${event.items.length} items`
    case "ItemReviewed":
      return `${payout(event.item)}, ${event.decision} by ${personOf(event)}`
    case "BatchApproved":
      return `by ${personOf(event)}`
    case "ApprovalDeclined":
      return `by ${personOf(event)}: ${event.reason}`
    case "ApprovalExpired":
      return "not approved in time"
    case "ExecutionStarted":
      return event.arrivals.map(({ scheme, on }) => `${scheme} arrives ${on}`).join(", ")
    case "ItemsCancelled":
      return `${event.items.length} items by ${personOf(event)}: ${event.reason}`
    case "CancellationRefused":
      return `too late for ${[...refusedIn(event)].length} items`
    case "BatchRescheduled":
      return `not before ${isoTime(event.executeAt)}, by ${personOf(event)}`
    case "CommandRefused":
      return `${event.command} by ${personOf(event)}: ${event.reason}`
    case "LateOutcomeDetected":
      return `${payout(event.item)}, attempt ${event.attempt}: ${event.reported} after ${event.recorded}, ${event.compensation}`
    case "ResolutionProposed":
      return `${payout(event.item)}, attempt ${event.attempt}: ${event.outcome} by ${personOf(event)}, if a second operator confirms by ${isoTime(event.expiresAt)}`
    case "ParkedResolved":
      return `${payout(event.item)}, attempt ${event.attempt}: ${event.outcome}, by ${[event.proposedBy, personOf(event)].filter((who) => who !== undefined).join(" and ")}`
    case "RetryRequested":
      return `${payout(event.item)}${event.attempt === undefined ? "" : `, attempt ${event.attempt} failed`}, by ${personOf(event)}`
    case "RerouteRequested":
      return `${payout(event.item)}, to the next bank of its rule`
    case "ItemsUnrouted":
      return `${event.items.length} items: no rule of version ${event.version} applies`
    case "PostingRequested":
      return `posting ${event.posting}: ${event.kind} ${event.items.length} items`
    case "PostingBooked":
      return `posting ${event.posting} is ${event.ledgerPostingId}`
    case "PostingRefused":
      return `posting ${event.posting}: ${event.code}, retry at ${new Date(event.retryAt).toISOString()}`
    case "FundsArrived":
      return `in ${event.currency}`
    case "TransfersRequested":
      return event.transfers.length === 1
        ? event.transfers.map((transfer) => `${payout(transfer.item)}, to ${destination(transfer)}`).join()
        : `${event.transfers.length} items, to ${[...new Set(event.transfers.map(destination))].join(", ")}`
    case "TransferResent":
      return `${payout(event.item)}, sent again under the same key`
    case "TransferAccepted":
      return `${payout(event.item)}, by the bank`
    case "TransfersAccepted":
      return `${event.transfers.length} items, by their banks`
    case "TransferUnknown":
      return `${payout(event.item)}: ${event.reason}`
    case "TransferSettled":
      return `${payout(event.item)}, by ${event.evidence}`
    case "TransfersSettled":
      return `${event.transfers.length} items, by ${event.evidence}`
    case "TransferFailed":
    case "TransferReturned":
      return `${payout(event.item)}: ${event.code}, by ${event.evidence}${event.detail === undefined ? "" : ` (${event.detail})`}`
    case "TransferParked":
      return `${payout(event.item)}: ${event.reason}`
    case "WithdrawalsRequested":
      return `${event.transfers.length} withdrawals requested by ${masked(event.by)}: ${event.reason}`
    case "TransferWithdrawn":
      return `${payout(event.item)}, attempt ${event.attempt} was withdrawn before it was sent`
    case "WithdrawalRefused":
      return `${payout(event.item)}, attempt ${event.attempt} ${event.goingOut ? "is about to be sent" : "may have been sent"}`
    case "BatchClosed":
      return event.state
  }
}
