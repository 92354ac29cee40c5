/**
 * pain.002: what became of a file of orders. A bank may speak of the whole file, of a payment within it (ours have one)
 * and of single transfers; the closest word counts. Banks often name only what they refuse. A refusal of a whole may be
 * meant for a second copy of the file: it is the word on a transfer only where the bank says so, and why, of that one.
 *
 * Statuses are those of ISO 20022's ExternalPaymentTransactionStatus1Code and its siblings for groups and payments.
 */
import { UNSPECIFIED } from "../../domain/failure-codes.ts"
import { all, amount, maybe, maybeText, one, text } from "./element.ts"
import { reasonCode } from "./reason-code.ts"
import type { Told, Word } from "./transfer-word.ts"
import { type Element, unreadable } from "./xml-reader.ts"

export interface StatusReport {
  readonly _tag: "StatusReport"
  /** The message id of the file that it speaks of. */
  readonly about: string
  readonly named: ReadonlyArray<Told>
  /** What holds for the transfers of the file that are not named; absent where the bank says nothing of them. */
  readonly others?: Word
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

/** Of a whole these say only that its transfers fare differently. */
const inPart: ReadonlySet<string> = new Set(["PART", "PATC"])

/** Reads a pain.002. */
export const statusReportIn = (document: Element): StatusReport => {
  const content = one(document, "CstmrPmtStsRpt")
  const group = one(content, "OrgnlGrpInfAndSts")
  const about = text(group, "OrgnlMsgId")
  const ofGroup = wordIn(group, "GrpSts")
  const payments = all(content, "OrgnlPmtInfAndSts").map((payment) => paymentIn(payment, ofGroup))
  const named = payments.flatMap(({ named }) => named)
  requireOneWordEach(named)
  const others = oneOf(payments.flatMap(({ id, word }) => (id === about && word !== undefined ? [word] : [])))
  const ofOthers = others ?? ofGroup ?? impliedBy(named)
  const report = { _tag: "StatusReport", about, named: named.map(doubted) } as const
  return ofOthers === undefined ? report : { ...report, others: doubtedWord(ofOthers) }
}

/**
 * Who names nothing but what is refused has taken the others. Who names more says nothing of the others: in a report on what
 * was settled since, those that were refused before are not named again.
 */
const impliedBy = (named: ReadonlyArray<Told>): Word | undefined =>
  named.every(({ word }) => word._tag === "Failed") ? { _tag: "Accepted" } : undefined

/** Of two words on one payment neither counts. */
const oneOf = ([word, ...others]: ReadonlyArray<Word>): Word | undefined =>
  others.every(({ _tag }) => _tag === word?._tag) ? word : { _tag: "Unclear" }

/** Who refuses something as a duplicate has it already, and says nothing of what became of it. */
const duplicates: ReadonlySet<string> = new Set(["AM05", "DU01", "DU02", "DU03", "DU04", "DU05"])

const doubted = (told: Told): Told => ({ ...told, word: doubtedWord(told.word) })

const doubtedWord = (word: Word): Word =>
  word._tag === "Failed" && duplicates.has(word.code) ? { _tag: "Unclear", isDuplicate: true } : word

const paymentIn = (payment: Element, ofGroup: Word | undefined) => {
  const word = wordIn(payment, "PmtInfSts", ofGroup) ?? ofGroup
  const named = all(payment, "TxInfAndSts").map((transfer) => transferIn(transfer, word))
  for (const whole of [ofGroup, word]) requireAgreement(whole, named)
  return { id: maybeText(payment, "OrgnlPmtInfId"), word, named }
}

const transferIn = (transfer: Element, ofPayment: Word | undefined): Told => {
  const reference = maybeText(transfer, "OrgnlEndToEndId") ?? text(transfer, "OrgnlInstrId")
  const word = ofTransfer(transfer, ofPayment)
  const path = ["OrgnlTxRef", "Amt", "InstdAmt"]
  return maybe(transfer, ...path) === undefined
    ? { reference, word }
    : { reference, word, amount: amount(transfer, ...path) }
}

/** In a whole that is refused, a refusal is a transfer's own only with a reason of its own. */
const ofTransfer = (transfer: Element, whole: Word | undefined): Word => {
  const word = wordIn(transfer, "TxSts", whole) ?? whole ?? { _tag: "Accepted" }
  const isOwn = whole?._tag !== "Failed" || reasonCode(transfer, "StsRsnInf") !== undefined
  return word._tag !== "Failed" || isOwn ? word : { ...word, whole: true }
}

/** The word of a status, where there is one that says something. A refusal without a reason has that of the whole. */
const wordIn = (element: Element, status: string, whole?: Word): Word | undefined => {
  const said = maybeText(element, status)
  if (said === undefined || inPart.has(said)) return undefined
  const _tag = words.get(said) ?? "Unclear"
  if (_tag !== "Failed") return { _tag }
  const code = reasonCode(element, "StsRsnInf") ?? (whole?._tag === "Failed" ? whole.code : UNSPECIFIED)
  return { _tag, code }
}

/** A final word about a whole leaves no part an exception: a bank that says both has said neither. */
const requireAgreement = (whole: Word | undefined, named: ReadonlyArray<Told>): void => {
  const isFinal = whole?._tag === "Failed" || whole?._tag === "Settled"
  if (isFinal && named.some(({ word }) => word._tag !== whole._tag))
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
