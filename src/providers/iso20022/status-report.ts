/**
 * pain.002: a bank's report on a file of orders. It may have a status of the whole file, of a payment in it (our files have
 * one) and of single transfers; the closest status counts. If the report neither names a transfer nor has a status of the
 * payment or file that it is in, it says nothing of this transfer, whatever else it names. A refusal of the whole may concern a
 * second copy of the file. So it is the status of a transfer only if the bank refuses that transfer, with a reason. A report
 * that calls anything a duplicate is about a copy: the bank has the file, whatever else the report refuses.
 *
 * Statuses are those of ISO 20022's ExternalPaymentTransactionStatus1Code and its siblings for groups and payments.
 */
import { isOfDuplicate, UNSPECIFIED } from "../../domain/failure-codes.ts"
import { all, amount, maybe, maybeText, one, text } from "./element.ts"
import { reasonCodes } from "./reason-code.ts"
import type { ReportedStatus, TransferReport } from "./transfer-report.ts"
import { type Element, unreadable } from "./xml-reader.ts"

export interface StatusReport {
  readonly _tag: "StatusReport"
  /** The message id of the file that it reports on. */
  readonly about: string
  readonly named: ReadonlyArray<TransferReport>
  /** The status of the transfers of the file that are not named; absent if the report says nothing of them. */
  readonly others?: ReportedStatus
  /** Present if the bank had the whole file before: it calls something in it a duplicate. */
  readonly isOfCopy?: true
  /** Ids of payments with their own status that are not in our file: its one payment has the file's message id. */
  readonly unknownPayments?: ReadonlyArray<string>
}

const statuses: ReadonlyMap<string, "Accepted" | "Settled" | "Failed"> = new Map([
  ["RCVD", "Accepted"],
  ["PDNG", "Accepted"],
  ["ACTC", "Accepted"],
  ["ACCP", "Accepted"],
  ["ACFC", "Accepted"],
  ["ACSP", "Accepted"],
  ["ACWC", "Accepted"],
  ["ACWP", "Accepted"],
  ["ACSC", "Settled"],
  ["ACCC", "Settled"],
  ["RJCT", "Failed"],
])

/** The transfers of this whole have different statuses: neither its status nor that of the level above applies to them. */
const inPart: ReadonlySet<string> = new Set(["PART", "PATC"])

/** The status of a file or payment. */
type WholeStatus = ReportedStatus | { readonly _tag: "InPart" }

/** Reads a pain.002. */
export const statusReportIn = (document: Element): StatusReport => {
  const content = one(document, "CstmrPmtStsRpt")
  const group = one(content, "OrgnlGrpInfAndSts")
  const about = text(group, "OrgnlMsgId")
  const ofGroup = statusIn(group, "GrpSts")
  const elements = all(content, "OrgnlPmtInfAndSts")
  const payments = elements.map((payment) => paymentIn(payment, ofGroup))
  const named = payments.flatMap(({ named }) => named)
  requireAgreement(ofGroup, [
    ...payments.flatMap(({ own }) => own ?? []),
    ...named.map(({ status }) => status),
  ])
  requireOneStatusEach(named)
  const ours = payments.flatMap(({ id, status }) => (id === about && status !== undefined ? [status] : []))
  const others = statusForAll(oneOf(ours) ?? ofGroup)
  const unknownPayments = payments.flatMap(({ id = "", own }) =>
    id === about || statusForAll(own) === undefined || own?._tag === ofGroup?._tag ? [] : [id],
  )
  const reasons = [group, ...elements, ...elements.flatMap((payment) => all(payment, "TxInfAndSts"))]
  return {
    _tag: "StatusReport",
    about,
    named: named.map((report) => ({ ...report, status: withoutDuplicate(report.status) })),
    ...(others === undefined ? {} : { others: withoutDuplicate(others) }),
    ...(reasons.some((element) => isOfDuplicate(reasonIn(element) ?? "")) ? { isOfCopy: true as const } : {}),
    ...(unknownPayments.length === 0 ? {} : { unknownPayments }),
  }
}

/** If one payment has two different statuses, neither counts. */
const oneOf = ([status, ...others]: ReadonlyArray<WholeStatus>): WholeStatus | undefined =>
  others.every(({ _tag }) => _tag === status?._tag) ? status : { _tag: "Unclear" }

const statusForAll = (whole: WholeStatus | undefined): ReportedStatus | undefined =>
  whole?._tag === "InPart" ? undefined : whole

/** A bank that refuses something as a duplicate has it already, and reports nothing of its outcome. */
const withoutDuplicate = (status: ReportedStatus): ReportedStatus =>
  status._tag === "Failed" && isOfDuplicate(status.code) ? { _tag: "Unclear" } : status

const paymentIn = (payment: Element, ofGroup: WholeStatus | undefined) => {
  const own = statusIn(payment, "PmtInfSts", ofGroup)
  const status = own ?? ofGroup
  const named = all(payment, "TxInfAndSts").map((transfer) => transferIn(transfer, status))
  requireAgreement(
    status,
    named.map(({ status }) => status),
  )
  return { id: maybeText(payment, "OrgnlPmtInfId"), own, status, named }
}

const transferIn = (transfer: Element, ofPayment: WholeStatus | undefined): TransferReport => {
  const reference = maybeText(transfer, "OrgnlEndToEndId") ?? text(transfer, "OrgnlInstrId")
  const status = statusOfTransfer(transfer, statusForAll(ofPayment))
  const path = ["OrgnlTxRef", "Amt", "InstdAmt"]
  return maybe(transfer, ...path) === undefined
    ? { reference, status }
    : { reference, status, amount: amount(transfer, ...path) }
}

/**
 * A transfer that is only listed has the status of the whole; if there is none, the bank has it. If the whole is refused, a
 * transfer in it is refused by name only if it has its own reason.
 */
const statusOfTransfer = (transfer: Element, whole: ReportedStatus | undefined): ReportedStatus => {
  const reason = reasonIn(transfer)
  const listed: ReportedStatus =
    whole?._tag === "Failed" ? { ...whole, code: reason ?? whole.code } : (whole ?? { _tag: "Accepted" })
  const own = statusIn(transfer, "TxSts", whole) ?? listed
  const status: ReportedStatus = own._tag === "InPart" ? { _tag: "Unclear" } : own
  const isOwn = whole?._tag !== "Failed" || reason !== undefined
  return status._tag !== "Failed" || isOwn ? status : { ...status, whole: true }
}

/** The status in the element `name`, if there is one. A refusal without a reason has that of the whole. */
const statusIn = (element: Element, name: string, whole?: WholeStatus): WholeStatus | undefined => {
  const code = maybeText(element, name)
  if (code === undefined) return undefined
  if (inPart.has(code)) return { _tag: "InPart" }
  const _tag = statuses.get(code) ?? "Unclear"
  if (_tag !== "Failed") return { _tag }
  return { _tag, code: reasonIn(element) ?? (whole?._tag === "Failed" ? whole.code : UNSPECIFIED) }
}

/** The first of several reasons, unless one is that it is a duplicate: what else is wrong with a copy does not matter. */
const reasonIn = (element: Element): string | undefined => {
  const codes = reasonCodes(element, "StsRsnInf")
  return codes.find(isOfDuplicate) ?? codes[0]
}

/** A final status of a whole applies to all its parts. A report that contradicts itself here is not accepted. */
const requireAgreement = (whole: WholeStatus | undefined, parts: ReadonlyArray<WholeStatus>): void => {
  const isFinal = whole?._tag === "Failed" || whole?._tag === "Settled"
  if (isFinal && parts.some(({ _tag }) => _tag !== whole._tag))
    unreadable("CstmrPmtStsRpt", "a status contradicts that of the whole")
}

const requireOneStatusEach = (named: ReadonlyArray<TransferReport>): void => {
  const seen = new Map<string, ReportedStatus["_tag"]>()
  for (const { reference, status } of named) {
    if ((seen.get(reference) ?? status._tag) !== status._tag)
      unreadable("CstmrPmtStsRpt", "two statuses for one transfer")
    seen.set(reference, status._tag)
  }
}
