/**
 * pain.002: what became of a file of orders. A bank may speak of the whole file, of a payment within it (ours have one)
 * and of single transfers; the closest word counts. Of what it neither names nor has a word on as a whole it says nothing:
 * nothing follows from what else is named. A refusal of a whole may be meant for a second copy of the file: it is the word
 * on a transfer only where the bank says so, and why, of that one. And a report that anywhere calls something a duplicate is
 * about a copy: the bank has the file, whatever it refuses beside that.
 *
 * Statuses are those of ISO 20022's ExternalPaymentTransactionStatus1Code and its siblings for groups and payments.
 */
import { isOfDuplicate, UNSPECIFIED } from "../../domain/failure-codes.ts"
import { all, amount, maybe, maybeText, one, text } from "./element.ts"
import { reasonCodes } from "./reason-code.ts"
import type { Told, Word } from "./transfer-word.ts"
import { type Element, unreadable } from "./xml-reader.ts"

export interface StatusReport {
  readonly _tag: "StatusReport"
  /** The message id of the file that it speaks of. */
  readonly about: string
  readonly named: ReadonlyArray<Told>
  /** What holds for the transfers of the file that are not named; absent where the bank says nothing of them. */
  readonly others?: Word
  /** Present where the bank shows that it had the whole file before: it calls something in it a duplicate. */
  readonly isOfCopy?: true
  /** How it calls payments that it has a word of their own on, and that are not the file's: that has our message id. */
  readonly strangers?: ReadonlyArray<string>
}

const words: ReadonlyMap<string, "Accepted" | "Settled" | "Failed"> = new Map([
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

/** Of a whole these say that its transfers fare differently: no word on it, nor on what it is in, holds for them. */
const inPart: ReadonlySet<string> = new Set(["PART", "PATC"])

/** What is said of a whole. */
type WholeWord = Word | { readonly _tag: "InPart" }

/** Reads a pain.002. */
export const statusReportIn = (document: Element): StatusReport => {
  const content = one(document, "CstmrPmtStsRpt")
  const group = one(content, "OrgnlGrpInfAndSts")
  const about = text(group, "OrgnlMsgId")
  const ofGroup = wordIn(group, "GrpSts")
  const elements = all(content, "OrgnlPmtInfAndSts")
  const payments = elements.map((payment) => paymentIn(payment, ofGroup))
  const named = payments.flatMap(({ named }) => named)
  requireAgreement(ofGroup, [...payments.flatMap(({ own }) => own ?? []), ...named.map(({ word }) => word)])
  requireOneWordEach(named)
  const ours = payments.flatMap(({ id, word }) => (id === about && word !== undefined ? [word] : []))
  const others = wordFrom(oneOf(ours) ?? ofGroup)
  const strangers = payments.flatMap(({ id = "", own }) =>
    id === about || wordFrom(own) === undefined || own?._tag === ofGroup?._tag ? [] : [id],
  )
  const reasons = [group, ...elements, ...elements.flatMap((payment) => all(payment, "TxInfAndSts"))]
  return {
    _tag: "StatusReport",
    about,
    named: named.map((told) => ({ ...told, word: withoutDuplicate(told.word) })),
    ...(others === undefined ? {} : { others: withoutDuplicate(others) }),
    ...(reasons.some((element) => isOfDuplicate(reasonIn(element) ?? "")) ? { isOfCopy: true as const } : {}),
    ...(strangers.length === 0 ? {} : { strangers }),
  }
}

/** Of two words on one payment neither counts. */
const oneOf = ([word, ...others]: ReadonlyArray<WholeWord>): WholeWord | undefined =>
  others.every(({ _tag }) => _tag === word?._tag) ? word : { _tag: "Unclear" }

const wordFrom = (whole: WholeWord | undefined): Word | undefined =>
  whole?._tag === "InPart" ? undefined : whole

/** Who refuses something as a duplicate has it already, and says nothing of what became of it. */
const withoutDuplicate = (word: Word): Word =>
  word._tag === "Failed" && isOfDuplicate(word.code) ? { _tag: "Unclear" } : word

const paymentIn = (payment: Element, ofGroup: WholeWord | undefined) => {
  const own = wordIn(payment, "PmtInfSts", ofGroup)
  const word = own ?? ofGroup
  const named = all(payment, "TxInfAndSts").map((transfer) => transferIn(transfer, word))
  requireAgreement(
    word,
    named.map(({ word }) => word),
  )
  return { id: maybeText(payment, "OrgnlPmtInfId"), own, word, named }
}

const transferIn = (transfer: Element, ofPayment: WholeWord | undefined): Told => {
  const reference = maybeText(transfer, "OrgnlEndToEndId") ?? text(transfer, "OrgnlInstrId")
  const word = ofTransfer(transfer, wordFrom(ofPayment))
  const path = ["OrgnlTxRef", "Amt", "InstdAmt"]
  return maybe(transfer, ...path) === undefined
    ? { reference, word }
    : { reference, word, amount: amount(transfer, ...path) }
}

/**
 * What is only listed has the word of the whole, or is at least with the bank. In a whole that is refused, a refusal is a
 * transfer's own only with a reason of its own.
 */
const ofTransfer = (transfer: Element, whole: Word | undefined): Word => {
  const reason = reasonIn(transfer)
  const listed: Word =
    whole?._tag === "Failed" ? { ...whole, code: reason ?? whole.code } : (whole ?? { _tag: "Accepted" })
  const said = wordIn(transfer, "TxSts", whole) ?? listed
  const word: Word = said._tag === "InPart" ? { _tag: "Unclear" } : said
  const isOwn = whole?._tag !== "Failed" || reason !== undefined
  return word._tag !== "Failed" || isOwn ? word : { ...word, whole: true }
}

/** The word of a status, where there is one. A refusal without a reason has that of the whole. */
const wordIn = (element: Element, status: string, whole?: WholeWord): WholeWord | undefined => {
  const said = maybeText(element, status)
  if (said === undefined) return undefined
  if (inPart.has(said)) return { _tag: "InPart" }
  const _tag = words.get(said) ?? "Unclear"
  if (_tag !== "Failed") return { _tag }
  return { _tag, code: reasonIn(element) ?? (whole?._tag === "Failed" ? whole.code : UNSPECIFIED) }
}

/** Of several reasons the first, unless one is that it is a duplicate: what else is wrong with a copy does not matter. */
const reasonIn = (element: Element): string | undefined => {
  const codes = reasonCodes(element, "StsRsnInf")
  return codes.find(isOfDuplicate) ?? codes[0]
}

/** A final word about a whole leaves no part an exception: a bank that says both has said neither. */
const requireAgreement = (whole: WholeWord | undefined, parts: ReadonlyArray<WholeWord>): void => {
  const isFinal = whole?._tag === "Failed" || whole?._tag === "Settled"
  if (isFinal && parts.some(({ _tag }) => _tag !== whole._tag))
    unreadable("CstmrPmtStsRpt", "a status contradicts that of the whole")
}

const requireOneWordEach = (named: ReadonlyArray<Told>): void => {
  const said = new Map<string, Word["_tag"]>()
  for (const { reference, word } of named) {
    if ((said.get(reference) ?? word._tag) !== word._tag)
      unreadable("CstmrPmtStsRpt", "two statuses for one transfer")
    said.set(reference, word._tag)
  }
}
