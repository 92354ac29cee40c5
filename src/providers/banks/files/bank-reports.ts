/**
 * Matches a bank's message with our orders: which reports it has on them, and what is odd about it. Nothing odd has an effect.
 */
import { Effect } from "effect"
import { cleanText } from "../../../domain/outside-text.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import type { StatusReport } from "../../iso20022/status-report.ts"
import type { ReportedStatus, TransferReport } from "../../iso20022/transfer-report.ts"
import { doubtfulRefusals } from "./copies.ts"
import { type FileOrder, FileOrders, type NewReport } from "./file-orders.ts"
import type { Oddity } from "./inbox-files.ts"
import { type OrderReport, reportKeyOf } from "./order-reports.ts"

export interface BankReports {
  /** Reports that we did not have yet, in the order in which they must be recorded. */
  readonly reports: ReadonlyArray<NewReport>
  readonly oddities: ReadonlyArray<Oddity>
}

export const bankReportsIn = Effect.fn("bankReportsIn")(function* (bank: string, message: BankMessage) {
  const { orders, parts } = yield* matchWithOrders(bank, message)
  const { reports, oddities } = combined(parts)
  const duplicates = combined(
    orders.filter(() => isOfCopy(message)).map((order) => ifNew(order, { _tag: "Accepted" })),
  )
  const doubtful = yield* doubtfulRefusals(bank, orders, reports)
  return { reports: [...duplicates.reports, ...doubtful, ...inOrder(reports)], oddities }
})

/** A bank that calls anything in a file a duplicate has all orders of the file, also those that it refuses as well. */
const isOfCopy = (message: BankMessage): boolean =>
  message._tag === "StatusReport" && message.isOfCopy === true

/**
 * Refusals are recorded before other reports: if the reader dies in between, the rest of the message must not make them look
 * like refusals of a copy.
 */
const inOrder = (reports: BankReports["reports"]): BankReports["reports"] =>
  reports.toSorted((one, other) => rank(one.report) - rank(other.report))

const rank = ({ _tag }: OrderReport): number => (_tag === "Failed" ? 0 : 1)

/** The orders that a message is about, and its reports and oddities part by part. */
interface Matched {
  readonly orders: ReadonlyArray<FileOrder>
  readonly parts: ReadonlyArray<BankReports>
}

const matchWithOrders = Effect.fnUntraced(function* (bank: string, message: BankMessage) {
  const references = [...new Set(message.named.map(({ reference }) => reference))]
  const orders = yield* (yield* FileOrders).sent(bank, references)
  const byReference = new Map(orders.map((order) => [order.reference, order]))
  const named = message.named.map((report) => matched(report, byReference.get(report.reference)))
  switch (message._tag) {
    case "Statement":
      return { orders, parts: named.map(withoutUnknown) } satisfies Matched
    case "Notification":
      return { orders, parts: named } satisfies Matched
    case "StatusReport": {
      const file = yield* (yield* FileOrders).sentIn(bank, message.about)
      const parts = [...named, ofUnnamed(message, file), ofMisplaced(message, orders, file)]
      const all = new Map([...file, ...orders].map((order) => [order.reference, order]))
      return { orders: [...all.values()], parts } satisfies Matched
    }
  }
})

const nothing: BankReports = { reports: [], oddities: [] }

const combined = (parts: ReadonlyArray<BankReports>): BankReports => ({
  reports: parts.flatMap(({ reports }) => reports),
  oddities: parts.flatMap(({ oddities }) => oddities),
})

/** A statement shows the movements of the whole account. Those that are none of our orders are for the reconciliation. */
const withoutUnknown = ({ reports, oddities }: BankReports): BankReports => ({
  reports,
  oddities: oddities.filter(({ reason }) => reason !== "unknown-reference"),
})

/** The status of the whole file applies to each of its orders that the report does not name. */
const ofUnnamed = ({ about, named, others }: StatusReport, file: ReadonlyArray<FileOrder>): BankReports => {
  if (file.length === 0) return unmatched(about, "unknown-file")
  if (others === undefined) return nothing
  const apart = new Set(named.map(({ reference }) => reference))
  const rest = file.filter(({ reference }) => !apart.has(reference))
  const status: ReportedStatus = others._tag === "Failed" ? { ...others, whole: true } : others
  const ofRest = rest.flatMap((order) => matched({ reference: order.reference, status }, order).reports)
  return { reports: ofRest, oddities: oddityOfWhole(about, others) }
}

/** A status of a whole file that an operator has to see is reported once, not for each order. */
const oddityOfWhole = (about: string, { _tag }: ReportedStatus): BankReports["oddities"] => {
  if (_tag === "Unclear") return [{ reference: about, reason: "unclear-status" }]
  return _tag === "Failed" ? [{ reference: about, reason: "refused-whole" }] : []
}

/** Parts of a report on a file of ours that are not in this file: payments with their own status, and orders that it names. */
const ofMisplaced = (
  { about, unknownPayments = [] }: StatusReport,
  named: ReadonlyArray<FileOrder>,
  file: ReadonlyArray<FileOrder>,
): BankReports => {
  const own = new Set(file.map(({ reference }) => reference))
  const elsewhere = file.length === 0 ? [] : named.filter(({ reference }) => !own.has(reference))
  return combined([
    ...unknownPayments.map((id) => unmatched(id || about, "unknown-payment")),
    ...elsewhere.map(({ reference }) => odd(reference, "other-file")),
  ])
}

const matched = (
  { reference, status, amount }: TransferReport,
  order: FileOrder | undefined,
): BankReports => {
  if (order === undefined) return unmatched(reference, "unknown-reference")
  if (amount !== undefined && (amount.currency !== order.currency || amount.minor !== order.minor))
    return odd(reference, "amount-differs")
  if (status._tag === "Failed" && status.whole === true)
    return ifNew(order, { _tag: "Refused", code: status.code })
  return status._tag === "Unclear" ? odd(reference, "unclear-status") : ifNew(order, status)
}

/** A report that we had before, and whose batch has been notified if necessary, is not new. */
const ifNew = ({ reference, reports, notEnqueued }: FileOrder, report: OrderReport): BankReports => {
  const isSame = (other: OrderReport) => reportKeyOf(other) === reportKeyOf(report)
  const isOld = reports.some(isSame) && !notEnqueued.some(isSame)
  return isOld ? nothing : { reports: [{ reference, report }], oddities: [] }
}

const odd = (reference: string, reason: Oddity["reason"]): BankReports => ({
  reports: [],
  oddities: [{ reference, reason }],
})

/** References that are not ours are stored in clear text, so they are cleaned. */
const unmatched = (reference: string, reason: Oddity["reason"]): BankReports =>
  odd(cleanText(reference), reason)
