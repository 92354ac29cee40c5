/**
 * Asks PayPal what became of the payout batches that it has, page by page, and records what it says of our orders. Each order
 * speaks for itself; what contradicts what we ordered is reported and has no effect. Payments may be refunded or reversed long after
 * they succeeded, so a payout batch is asked about ever less often, but for half a year.
 *
 * An order that somebody tried to withdraw when it had gone is cancelled if nobody has claimed it: the money comes back.
 */
import { Array as Arr, Clock, Effect, Result } from "effect"
import { parseAmount } from "../../../domain/money.ts"
import { cleanText } from "../../../domain/outside-text.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"
import { type FileOrder, FileOrders, type NewReport } from "../orders/file-orders.ts"
import { type OrderReport, reportKeyOf } from "../orders/order-reports.ts"
import { REPORTS_AT_ONCE, recordReports } from "../orders/report-record.ts"
import { type BatchStatus, hasEnded, isFinalForEver, isOpen, reportBy } from "./item-states.ts"
import type { PayoutPage, PayoutsApi, PayPalItem } from "./payouts-api.ts"
import type { PayPalBank } from "./paypal-settings.ts"
import { type SentPayout, SentPayouts } from "./sent-payouts.ts"

/** Payout batches that one pass asks about; the rest waits for the next pass. */
const ASKED_MAX = 20
/** PayPal counts no more pages. */
const PAGES_MAX = 1_000
const DAY_MS = 86_400_000
/** From then on PayPal is not asked any more unless something is open: disputes of a payment are open for 180 days. */
const ASKED_FOR_MS = 190 * DAY_MS
/** The next question follows after this part of the age. */
const AGE_PART = 20
/** The code of orders that PayPal's payout batch does not have, although it has ended. It is ours. */
export const NOT_IN_BATCH = "NOT_IN_PAYOUT_BATCH"

/** Asks about the payout batches that are due. One that cannot be read delays no other. */
export const pollPayouts = Effect.fn("pollPayouts")(function* (bank: PayPalBank, api: PayoutsApi) {
  const payouts = yield* SentPayouts
  const now = yield* Clock.currentTimeMillis
  for (const payout of yield* payouts.due(bank.name, now, ASKED_MAX))
    yield* poll(bank, api, payout).pipe(
      Effect.catch((failure) =>
        Effect.andThen(
          Effect.logWarning("a payout batch cannot be asked about yet", {
            bank: bank.name,
            message: payout.messageId,
            failure,
          }),
          payouts.polled(payout, now + bank.pollMs),
        ),
      ),
    )
})

const poll = Effect.fnUntraced(function* (bank: PayPalBank, api: PayoutsApi, payout: SentPayout) {
  const orders = new Map(
    (yield* (yield* FileOrders).sentIn(bank.name, payout.messageId)).map((order) => [order.reference, order]),
  )
  const seen = new Map<string, PayPalItem>()
  const listed = new Set<string>()
  let page = yield* pageOf(api, payout, 1)
  for (let number = 1; ; number += 1) {
    yield* take(bank, payout, orders, page)
    for (const item of page.items) {
      seen.set(item.payout_item_id, item)
      listed.add(item.payout_item.sender_item_id ?? "")
    }
    if (number >= Math.min(page.pages, PAGES_MAX)) break
    page = yield* pageOf(api, payout, number + 1)
  }
  const { status, itemsInAll } = page
  // Items may have moved between pages while we read them.
  const isWhole = seen.size === itemsInAll
  const missing = [...orders.values()].filter(({ reference }) => !listed.has(reference))
  if (isWhole && hasEnded(status) && missing.length > 0) yield* miss(payout, status, missing)
  yield* cancelUnclaimed(api, payout, orders, [...seen.values()])
  yield* (yield* SentPayouts).polled(
    payout,
    yield* nextPoll(bank, payout, { isEnd: isWhole && hasEnded(status), missing, items: [...seen.values()] }),
  )
})

/** A page of the payout batch that was asked for. */
const pageOf = Effect.fnUntraced(function* (api: PayoutsApi, payout: SentPayout, number: number) {
  const page = yield* api.page(payout.payoutBatchId, number)
  const isOfPayout =
    page.payoutBatchId === payout.payoutBatchId &&
    page.senderBatchId === payout.messageId &&
    page.items.every(({ payout_batch_id }) => payout_batch_id === payout.payoutBatchId)
  if (!isOfPayout)
    return yield* new BankFilesUnavailable({
      step: "show payout",
      reason: "the answer is about another payout batch",
    })
  return page
})

/** Records what a page says of our orders. */
const take = Effect.fnUntraced(function* (
  { name }: PayPalBank,
  payout: SentPayout,
  orders: ReadonlyMap<string, FileOrder>,
  { status, items }: PayoutPage,
) {
  const reports: Array<NewReport> = []
  for (const item of items) {
    const { sender_item_id = "" } = item.payout_item
    const order = orders.get(sender_item_id)
    if (order === undefined) yield* oddity(name, sender_item_id, "unknown-reference")
    else if (!isFor(order, item)) yield* oddity(name, order.reference, "amount-differs")
    else {
      const report = reportOn(order, item, status)
      if (report !== undefined && isNew(order, report)) reports.push({ reference: order.reference, report })
    }
  }
  yield* tell(payout, reports)
})

const tell = Effect.fnUntraced(function* (payout: SentPayout, reports: ReadonlyArray<NewReport>) {
  for (const chunk of Arr.chunksOf(reports, REPORTS_AT_ONCE))
    for (const { reference, reason } of yield* recordReports(
      { bank: payout.bank, digest: payout.payoutBatchId },
      chunk,
      () => undefined,
    ))
      yield* oddity(payout.bank, reference, reason)
})

/** While an order is open, only a batch that may act as if PayPal did not have it has to hear that it does. */
const reportOn = (order: FileOrder, item: PayPalItem, status: BatchStatus): OrderReport | undefined => {
  const report = reportBy(item.transaction_status, status, item.errors?.name)
  const isDoubted = order.reports.some(({ _tag }) => _tag === "Asked" || _tag === "Refused")
  return report ?? (isDoubted ? { _tag: "Accepted" } : undefined)
}

const isFor = ({ currency, minor }: FileOrder, { payout_item: { amount } }: PayPalItem): boolean => {
  const read = parseAmount(amount.value, amount.currency)
  return amount.currency === currency && Result.isSuccess(read) && read.success === minor
}

/** A report that we had before, and whose batch was told if necessary, is not new. */
const isNew = ({ reports, notEnqueued }: FileOrder, report: OrderReport): boolean => {
  const isSame = (other: OrderReport) => reportKeyOf(other) === reportKeyOf(report)
  return !reports.some(isSame) || notEnqueued.some(isSame)
}

/** Orders that a payout batch does not have although all of it was read, and nothing will be added to it. */
const miss = Effect.fnUntraced(function* (
  payout: SentPayout,
  status: BatchStatus,
  missing: ReadonlyArray<FileOrder>,
) {
  const report: OrderReport = { _tag: "Refused", code: NOT_IN_BATCH }
  const reports = missing
    .filter((order) => isNew(order, report))
    .map(({ reference }) => ({ reference, report }))
  if (reports.length === 0) return
  yield* Effect.logError("a payout batch lacks orders that were sent in it", {
    bank: payout.bank,
    message: payout.messageId,
    status,
    count: reports.length,
  })
  yield* tell(payout, reports)
})

/** Cancels items that nobody has claimed, and that were to be withdrawn. The next question shows what became of them. */
const cancelUnclaimed = Effect.fnUntraced(function* (
  api: PayoutsApi,
  { bank }: SentPayout,
  orders: ReadonlyMap<string, FileOrder>,
  items: ReadonlyArray<PayPalItem>,
) {
  for (const { payout_item_id, transaction_status, payout_item } of items) {
    const order = orders.get(payout_item.sender_item_id ?? "")
    const isAsked = order?.reports.some(({ _tag }) => _tag === "Asked") ?? false
    if (!isAsked || order === undefined || transaction_status !== "UNCLAIMED") continue
    const { reference } = order
    yield* api.cancel(payout_item_id).pipe(
      Effect.flatMap((isCancelled) =>
        isCancelled
          ? Effect.logInfo("an unclaimed payout was cancelled", { bank, reference })
          : Effect.logWarning("an unclaimed payout cannot be cancelled", { bank, reference }),
      ),
      // An item that PayPal does not answer about delays no other.
      Effect.catch((failure) =>
        Effect.logWarning("an unclaimed payout cannot be cancelled yet", { bank, reference, failure }),
      ),
    )
  }
})

const nextPoll = Effect.fnUntraced(function* (
  { pollMs }: PayPalBank,
  { sentAt }: SentPayout,
  read: {
    /** Whether all of it was read, and nothing will be added to it, as far as PayPal says. */
    readonly isEnd: boolean
    readonly missing: ReadonlyArray<FileOrder>
    readonly items: ReadonlyArray<PayPalItem>
  },
) {
  const now = yield* Clock.currentTimeMillis
  const age = Math.max(now - sentAt, 0)
  if (read.isEnd) {
    const isForEver = read.items.every(({ transaction_status }) => isFinalForEver(transaction_status))
    // What is missing may still appear.
    if (isForEver && read.missing.length === 0) return "closed" as const
    const isSettled = read.items.every(({ transaction_status }) => !isOpen(transaction_status))
    if (isSettled && age > ASKED_FOR_MS) return "closed" as const
  }
  return now + Math.min(Math.max(pollMs, age / AGE_PART), DAY_MS)
})

/** Something that PayPal says and that has no effect. A reference that is not ours is cleaned. */
const oddity = Effect.fnUntraced(function* (
  bank: string,
  reference: string,
  reason: "unknown-reference" | "amount-differs" | "no-such-batch",
) {
  ;(yield* Metrics).bankOddities.inc({ bank, reason })
  yield* Effect.logError("a payout batch has an item that has no effect", {
    bank,
    reference: cleanText(reference),
    reason,
  })
})
