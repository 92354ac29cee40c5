/** A bank's report on one order: what it changes, what is kept of it, and what is odd about it. */
import { cleanText } from "../../../domain/outside-text.ts"
import { isUetr } from "../../../domain/uetr.ts"
import { explanationOf } from "../../booked-amount.ts"
import type { ReportedStatus, TransferReport } from "../../iso20022/transfer-report.ts"
import type { FileOrder, NewReport } from "../orders/file-orders.ts"
import { type OrderReport, reportKeyOf } from "../orders/order-reports.ts"
import type { FileNotes, Oddity, Remark } from "./inbox-files.ts"
import { type FoundOrder, shownId } from "./order-lookup.ts"

export interface BankReports extends Omit<FileNotes, "servicerReferences"> {
  /** Reports that we did not have yet, in the order in which they must be recorded. */
  readonly reports: ReadonlyArray<NewReport>
}

/** What a part of a message says, and of which orders. */
export interface MatchedPart extends BankReports {
  readonly orders: ReadonlyArray<FileOrder>
  /** It names a file of ours, though no order of it that is known. */
  readonly isOfOurFile?: true
}

export const nothing: BankReports = { reports: [], oddities: [], remarks: [] }

export const combined = (parts: ReadonlyArray<BankReports>): BankReports => ({
  reports: parts.flatMap(({ reports }) => reports),
  oddities: parts.flatMap(({ oddities }) => oddities),
  remarks: parts.flatMap(({ remarks }) => remarks),
})

/** A report on an order; odd if it is on none of ours, on several, or says nothing that can be believed. */
export const matched = (report: TransferReport, order: FoundOrder): BankReports => {
  if (order === undefined) return unmatched(shownId(report), "unknown-reference")
  if (typeof order === "string") return unmatched(shownId(report), oddityOf(order))
  const { status } = report
  const { reference } = order
  const { amount = order, amounts } = report
  const booked = {
    ...amount,
    isReturn: status._tag === "Returned",
    ...(amounts === undefined ? {} : { amounts }),
  }
  const explanation = explanationOf(order, booked)
  if (explanation === undefined) return odd(reference, "amount-differs")
  const remarks: ReadonlyArray<Remark> = [
    ...(status.reasons ?? []).map((remark) => ({ reference, kind: "reason" as const, remark })),
    ...explanation.map((one) => ({ reference, ...one })),
  ]
  return { ...ofStatus(order, status), remarks }
}

/** The oddity of ids that do not say which order they are of. */
export const oddityOf = (found: "conflicting" | "reused"): Oddity["reason"] =>
  found === "reused" ? "reused-id" : "conflicting-ids"

const ofStatus = (order: FileOrder, status: ReportedStatus): BankReports => {
  switch (status._tag) {
    case "Unclear":
      return odd(order.reference, "unclear-status")
    case "Corrected":
      return corrected(order, status)
    case "Accepted":
    case "Settled":
      return ifNew(order, { _tag: status._tag })
    case "Returned":
      return ifNew(order, { _tag: "Returned", code: status.code })
    case "Failed":
      return ifNew(order, { _tag: status.whole === true ? "Refused" : "Failed", code: status.code })
  }
}

/** Who is told a correction has the order. An operator sees to it that the next payment has the right details. */
const corrected = (order: FileOrder, { reasons = [] }: ReportedStatus): BankReports => ({
  ...ifNew(order, { _tag: "Accepted" }),
  oddities: reasons.map((detail) => ({ reference: order.reference, reason: "correction", detail })),
})

/** A report that we had before, and whose batch has been notified if necessary, is not new. */
export const ifNew = ({ reference, reports, notEnqueued }: FileOrder, report: OrderReport): BankReports => {
  const isSame = (other: OrderReport) => reportKeyOf(other) === reportKeyOf(report)
  const isOld = reports.some(isSame) && !notEnqueued.some(isSame)
  return isOld ? nothing : { ...nothing, reports: [{ reference, report }] }
}

export const odd = (reference: string, reason: Oddity["reason"]): BankReports => ({
  ...nothing,
  oddities: [{ reference, reason }],
})

/**
 * References that are not ours are stored in clear text, so they are cleaned. A UETR has nothing to clean, and would not be the
 * same with some of its digits masked.
 */
export const unmatched = (reference: string, reason: Oddity["reason"]): BankReports =>
  odd(isUetr(reference) ? reference : cleanText(reference), reason)
