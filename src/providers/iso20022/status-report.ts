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
import { reasonsIn } from "./reason-code.ts"
import { paymentId, reportedIds } from "./transfer-ids.ts"
import { hasOwnId, type ReportedStatus, type TransferReport, type UnreadPart } from "./transfer-report.ts"
import { orUnread, requireReadable } from "./unread-part.ts"
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
  /** The payments that are not the file's own by their ids, with the status of those of their transfers that are not named. */
  readonly payments?: ReadonlyArray<{ readonly id: string; readonly others?: ReportedStatus }>
  /** Its transfers that cannot be read. */
  readonly unread?: ReadonlyArray<UnreadPart>
}

const statuses: ReadonlyMap<string, "Accepted" | "Settled" | "Failed"> = new Map([
  ["RCVD", "Accepted"],
  ["PDNG", "Accepted"],
  ["ACTC", "Accepted"],
  ["ACCP", "Accepted"],
  ["ACFC", "Accepted"],
  ["ACPD", "Accepted"],
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
  const payments = elements.map((payment, index) =>
    readablePaymentIn(payment, ofGroup, `OrgnlPmtInfAndSts ${index + 1}`),
  )
  const named = payments.flatMap(({ named }) => named)
  for (const { status, named } of payments)
    requireAgreement(
      status,
      named.map(({ status }) => status),
    )
  requireAgreement(ofGroup, [
    ...payments.flatMap(({ own }) => own ?? []),
    ...named.map(({ status }) => status),
  ])
  requireOneStatusEach(named)
  const ours = payments.flatMap(({ id, status }) => (id === about && status !== undefined ? [status] : []))
  const unknownPayments = payments.flatMap(({ id = "", own }) =>
    id === about || statusForAll(own) === undefined || own?._tag === ofGroup?._tag ? [] : [id],
  )
  const unread = payments.flatMap(({ unread }) => unread)
  const isSaid = named.length > 0 || ofGroup !== undefined || payments.some(({ own }) => own !== undefined)
  requireReadable(isSaid ? 1 : 0, unread)
  const forUnnamed = (status: WholeStatus | undefined) => {
    const known = statusForAll(status)
    return unread.length > 0 && known?._tag === "Settled" ? undefined : known && withoutDuplicate(known)
  }
  const others = forUnnamed(statusForAll(oneOf(ours) ?? ofGroup))
  const byId = Map.groupBy(
    payments.filter(({ ownId }) => ownId !== undefined && ownId !== about),
    ({ ownId = "" }) => ownId,
  )
  const further = [...byId].map(([id, same]) => {
    const others = forUnnamed(oneOf(same.flatMap(({ status }) => status ?? [])))
    return { id, ...(others === undefined ? {} : { others }) }
  })
  const reasons = [group, ...elements, ...elements.flatMap((payment) => all(payment, "TxInfAndSts"))]
  return {
    _tag: "StatusReport",
    about,
    named: named.map((report) => ({ ...report, status: withoutDuplicate(report.status) })),
    ...(others === undefined ? {} : { others }),
    ...(reasons.some(isRefusedAsDuplicate) ? { isOfCopy: true as const } : {}),
    ...(unknownPayments.length === 0 ? {} : { unknownPayments }),
    ...(further.length === 0 ? {} : { payments: further }),
    ...(unread.length === 0 ? {} : { unread }),
  }
}

/** If one payment has two different statuses, neither counts, unless it proceeds from accepted to settled. */
const oneOf = (statuses: ReadonlyArray<WholeStatus>): WholeStatus | undefined => {
  const [status, ...others] = statuses
  if (others.every(({ _tag }) => _tag === status?._tag)) return status
  const isProgress = statuses.every(({ _tag }) => _tag === "Accepted" || _tag === "Settled")
  return { _tag: isProgress ? "Settled" : "Unclear" }
}

const statusForAll = (whole: WholeStatus | undefined): ReportedStatus | undefined =>
  whole?._tag === "InPart" ? undefined : whole

/** What cannot be read here is reported with the part of the file that it is in. */
const isRefusedAsDuplicate = (element: Element): boolean => {
  const read = orUnread("", element, () => reasonsIn(element, "StsRsnInf"))
  return "code" in read && isOfDuplicate(read.code ?? "")
}

/** A bank that refuses something as a duplicate has it already, and reports nothing of its outcome. */
const withoutDuplicate = (status: ReportedStatus): ReportedStatus =>
  status._tag === "Failed" && isOfDuplicate(status.code)
    ? { _tag: "Unclear", ...(status.reasons === undefined ? {} : { reasons: status.reasons }) }
    : status

const paymentIn = (payment: Element, ofGroup: WholeStatus | undefined, place: string) => {
  const own = statusIn(payment, "PmtInfSts", ofGroup)
  const status = own ?? ofGroup
  const read = all(payment, "TxInfAndSts").map((transfer, index) =>
    orUnread(`${place} TxInfAndSts ${index + 1}`, transfer, () => transferIn(transfer, status)),
  )
  const named = read.flatMap((part) => ("_tag" in part ? [] : [part]))
  const unread = read.flatMap((part) => ("_tag" in part ? [part.unread] : []))
  return { id: maybeText(payment, "OrgnlPmtInfId"), ownId: paymentId(payment), own, status, named, unread }
}

type Payment = ReturnType<typeof paymentIn>

/** A payment that cannot be read as such takes its transfers with it, and no other payment. */
const readablePaymentIn = (payment: Element, ofGroup: WholeStatus | undefined, place: string): Payment => {
  const read = orUnread(place, payment, () => paymentIn(payment, ofGroup, place))
  if (!("_tag" in read)) return read
  return {
    id: undefined,
    ownId: undefined,
    own: undefined,
    status: undefined,
    named: [],
    unread: [read.unread],
  }
}

const transferIn = (transfer: Element, ofPayment: WholeStatus | undefined): TransferReport => {
  const ids = reportedIds(transfer)
  if (!hasOwnId(ids) && ids.servicerReference === undefined)
    return unreadable("TxInfAndSts/OrgnlEndToEndId", "missing")
  const status = statusOfTransfer(transfer, statusForAll(ofPayment))
  const path = ["OrgnlTxRef", "Amt", "InstdAmt"]
  return maybe(transfer, ...path) === undefined
    ? { ...ids, status }
    : { ...ids, status, amount: amount(transfer, ...path) }
}

/**
 * A transfer that is only listed has the status of the whole; if there is none, the bank has it. If the whole is refused, a
 * transfer in it is refused by name only if it has its own reason.
 */
const statusOfTransfer = (transfer: Element, whole: ReportedStatus | undefined): ReportedStatus => {
  const { code: reason, reasons } = reasonsIn(transfer, "StsRsnInf")
  const listed: ReportedStatus =
    whole?._tag === "Failed"
      ? { ...whole, code: reason ?? whole.code, ...(reasons.length === 0 ? {} : { reasons }) }
      : (whole ?? { _tag: "Accepted" })
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
  const { code: reason, reasons } = reasonsIn(element, "StsRsnInf")
  const given = reasons.length === 0 ? {} : { reasons }
  if (_tag !== "Failed") return { _tag, ...given }
  return whole?._tag === "Failed" && reason === undefined
    ? { ...whole, ...given }
    : { _tag, code: reason ?? UNSPECIFIED, ...given }
}

/** A final status of a whole applies to all its parts. A report that contradicts itself here is not accepted. */
const requireAgreement = (whole: WholeStatus | undefined, parts: ReadonlyArray<WholeStatus>): void => {
  const isFinal = whole?._tag === "Failed" || whole?._tag === "Settled"
  if (isFinal && parts.some(({ _tag }) => _tag !== whole._tag))
    unreadable("CstmrPmtStsRpt", "a status contradicts that of the whole")
}

/** One transfer may have two statuses in a file only as it proceeds: accepted, then settled. */
const requireOneStatusEach = (named: ReadonlyArray<TransferReport>): void => {
  const seen = new Map<string, ReportedStatus["_tag"]>()
  for (const { reference, uetr = "", status } of named.filter(hasOwnId)) {
    const id = reference || uetr
    const before = seen.get(id) ?? status._tag
    if (!isProgress(before, status._tag)) unreadable("CstmrPmtStsRpt", "two statuses for one transfer")
    seen.set(id, status._tag === "Accepted" ? before : status._tag)
  }
}

const isProgress = (one: ReportedStatus["_tag"], other: ReportedStatus["_tag"]): boolean =>
  one === other || [one, other].every((tag) => tag === "Accepted" || tag === "Settled")
