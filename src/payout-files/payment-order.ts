/**
 * pain.001 (ISO 20022 customer credit transfer initiation, versions .03, .08 and .09) as items of a payout batch. A batch has
 * one requested day and no debtor: all its payments are made from AtlasPay's own accounts. Whatever a batch cannot carry
 * is refused by the name of its element, and nothing is left out silently.
 */
import { Result } from "effect"
import { formatAmount } from "../domain/money.ts"
import { instantOf } from "../domain/written-time.ts"
import { all, amount, maybe, maybeDay, maybeText, one, text } from "../providers/iso20022/element.ts"
import { UnreadableFile } from "../providers/iso20022/unreadable-file.ts"
import { type Element, readXml, unreadable } from "../providers/iso20022/xml-reader.ts"
import { canonicalJson } from "./canonical-batch.ts"
import { beneficiaryOf } from "./creditor.ts"
import { isDecimal, sumOfDecimals } from "./decimal-sum.ts"
import type { FileProblem } from "./file-problem.ts"
import type { DraftItem } from "./payout-rows.ts"
import { type CutTransfer, TransferScanner } from "./transfer-scanner.ts"

/** A file of credit transfers as a batch: the drafts of its items, and the terms that they share. */
export interface PaymentOrder {
  readonly reference: string
  /** RFC 3339: the beginning of the requested day in UTC, or the requested moment. */
  readonly executeAt: string
  readonly drafts: ReadonlyArray<DraftItem>
  /** Who the file says is debited: nobody of AtlasPay's accounts is chosen by it. */
  readonly debtor: string
}

/** The reference of transfers that have no name of their own, before they are numbered. */
export const UNNAMED = "payment"

const versions = ["03", "08", "09"]
const namespace = /^urn:iso:std:iso:20022:tech:xsd:pain\.001\.001\.([0-9]{2})$/

/** Reads a document, or says what it has that a batch cannot carry: by transfer, in the order of the file. */
export const readPaymentOrder = (xml: string): Result.Result<PaymentOrder, ReadonlyArray<FileProblem>> => {
  const drafts: Array<DraftItem> = []
  const problems: Array<FileProblem> = []
  const reader = new PaymentOrderReader((_, draft) => {
    if (Result.isSuccess(draft)) drafts.push(draft.success)
    else problems.push(draft.failure)
  })
  const broken = reader.take(xml)
  if (broken !== undefined) return Result.fail([broken])
  const order = reader.end()
  if (Result.isFailure(order)) return Result.fail([order.failure])
  return problems.length > 0 ? Result.fail(problems) : Result.succeed({ ...order.success, drafts })
}

/** What the transfers of a document share. */
export type OrderTerms = Omit<PaymentOrder, "drafts">

/** The number and sum of the transfers of a payment, as they are. */
interface Tally {
  count: number
  sum: bigint
}

/** Reads a document that comes in pieces, and gives each of its transfers as soon as it is there. */
export class PaymentOrderReader {
  readonly #scanner: TransferScanner
  readonly #onTransfer: (item: number, draft: Result.Result<DraftItem, FileProblem>) => void
  readonly #tallies: Array<Tally> = []
  #items = 0
  #hasProblems = false

  /** `item` counts the transfers of the document from 1. */
  constructor(onTransfer: (item: number, draft: Result.Result<DraftItem, FileProblem>) => void) {
    this.#onTransfer = onTransfer
    this.#scanner = new TransferScanner((transfer) => this.#read(transfer))
  }

  /** Takes a piece of the text, and gives what keeps the document from being read. */
  take(text: string): FileProblem | undefined {
    return this.#scanner.take(text)
  }

  /** What the transfers share, or what keeps the document from being an order of theirs. */
  end(): Result.Result<OrderTerms, FileProblem> {
    const rest = readXml(this.#scanner.rest(), (document) =>
      termsIn(document, this.#tallies, this.#hasProblems),
    )
    return Result.mapError(rest, (error) => {
      const line = lineIn(error)
      return line === undefined
        ? problemOf(error)
        : { line: this.#scanner.lineOf(line), reason: error.problem }
    })
  }

  #read({ xml, line, payment }: CutTransfer): FileProblem | undefined {
    this.#items += 1
    const transfer = readXml(xml, (element) => element)
    if (Result.isFailure(transfer)) {
      const within = lineIn(transfer.failure)
      const { problem } = transfer.failure
      return within === undefined ? problemOf(transfer.failure) : { line: line + within - 1, reason: problem }
    }
    const tally = this.#tallies[payment] ?? { count: 0, sum: 0n }
    this.#tallies[payment] = tally
    tally.count += 1
    const draft = attempt(() => draftOf(transfer.success))
    if (draft instanceof UnreadableFile) {
      this.#hasProblems = true
      this.#onTransfer(this.#items, Result.fail({ item: this.#items, ...problemOf(draft) }))
      return undefined
    }
    tally.sum += sumOfDecimals([text(transfer.success, "Amt", "InstdAmt")])
    this.#onTransfer(this.#items, Result.succeed(draft))
    return undefined
  }
}

const problemOf = ({ place, problem }: UnreadableFile): FileProblem => ({ column: place, reason: problem })

/** The line of a part of a document that is not well-formed. */
const lineIn = ({ place }: UnreadableFile): number | undefined => {
  const [, line] = /^line ([0-9]+)$/.exec(place) ?? []
  return line === undefined ? undefined : Number(line)
}

/** Reads a document without its transfers. Sums are compared only where all transfers could be read. */
const termsIn = (document: Element, tallies: ReadonlyArray<Tally>, hasProblems: boolean): OrderTerms => {
  checkVersion(document)
  const initiation = one(document, "CstmrCdtTrfInitn")
  const header = one(initiation, "GrpHdr")
  only(initiation, "GrpHdr", "PmtInf")
  const payments = all(initiation, "PmtInf")
  const [first] = payments
  if (first === undefined) return unreadable("CstmrCdtTrfInitn/PmtInf", "missing")
  for (const payment of payments) checkPayment(payment, first)
  const none = { count: 0, sum: 0n }
  const found = payments.map((_, index) => tallies[index] ?? none)
  const whole = {
    count: found.reduce((count, tally) => count + tally.count, 0),
    sum: found.reduce((sum, tally) => sum + tally.sum, 0n),
  }
  if (!hasProblems) {
    checkSums(header, whole)
    for (const [index, payment] of payments.entries()) checkSums(payment, found[index] ?? none)
  }
  return {
    reference: text(header, "MsgId"),
    executeAt: executeAtOf(first),
    debtor: maybeText(first, "Dbtr", "Nm") ?? "no name",
  }
}

/** Each transfer is read by itself, so that all of them are reported at once. */
const attempt = <A>(read: () => A): A | UnreadableFile => {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableFile) return error
    throw error
  }
}

const checkVersion = (document: Element): void => {
  const declared = Object.entries(document.attributes).flatMap(([name, value]) =>
    /^xmlns(:|$)/.test(name) ? (namespace.exec(value)?.[1] ?? []) : [],
  )
  const [version, ...others] = declared
  if (document.name !== "Document" || version === undefined || others.length > 0)
    unreadable("Document", "not pain.001, the only XML that is read here")
  else if (!versions.includes(version))
    unreadable("Document", `pain.001.001.${version}; read are .${versions.join(", .")}`)
}

/** Refuses an element that has others than these: what is not known cannot be carried. */
const only = (element: Element, ...names: ReadonlyArray<string>): void => {
  const stray = element.children.find(({ name }) => !names.includes(name))
  if (stray !== undefined) unreadable(`${element.name}/${stray.name}`, "a payout batch cannot carry it")
}

/** A payment as a part of one batch, beside the first of its file. */
const checkPayment = (payment: Element, first: Element): void => {
  only(
    payment,
    ...["PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "PmtTpInf", "ReqdExctnDt"],
    ...["Dbtr", "DbtrAcct", "DbtrAgt", "ChrgBr", "CdtTrfTxInf"],
  )
  if (text(payment, "PmtMtd") !== "TRF") unreadable("PmtInf/PmtMtd", "not TRF; a payout is a credit transfer")
  checkType(payment)
  checkCharges(payment)
  if (executeAtOf(payment) !== executeAtOf(first))
    unreadable("PmtInf/ReqdExctnDt", "differs between payments, and a batch has one; split the file")
  for (const name of ["Dbtr", "DbtrAcct", "DbtrAgt"]) {
    if (canonicalJson(maybe(payment, name)) !== canonicalJson(maybe(first, name)))
      unreadable(`PmtInf/${name}`, "differs between payments, and a batch has one payer; split the file")
  }
}

/** Routes and banks decide how a payout travels: a file may only ask for what is the rule. */
const checkType = (from: Element): void => {
  const type = maybe(from, "PmtTpInf")
  if (type === undefined) return
  only(type, "InstrPrty", "SvcLvl")
  if ((maybeText(type, "InstrPrty") ?? "NORM") !== "NORM")
    unreadable("PmtTpInf/InstrPrty", "not NORM; a payout has no priority")
  for (const level of all(type, "SvcLvl")) {
    if (!["SEPA", "NURG"].includes(maybeText(level, "Cd") ?? ""))
      unreadable("PmtTpInf/SvcLvl", "neither SEPA nor NURG; a payout has no service level")
  }
}

const checkCharges = (from: Element): void => {
  if (!["SLEV", "SHAR"].includes(maybeText(from, "ChrgBr") ?? "SHAR"))
    unreadable(`${from.name}/ChrgBr`, "neither SLEV nor SHAR; charges of payouts are shared")
}

/** A day begins at midnight UTC. It never depends on the day on which the file is read. */
const executeAtOf = (payment: Element): string => {
  const moment = maybeText(payment, "ReqdExctnDt", "DtTm")
  const day = maybeDay(payment, "ReqdExctnDt") ?? unreadable("PmtInf/ReqdExctnDt", "missing")
  if (moment === undefined) return `${day}T00:00:00.000Z`
  const at = instantOf(moment)
  if (at === undefined)
    return unreadable("PmtInf/ReqdExctnDt/DtTm", "not a time that exists and has an offset from UTC")
  return new Date(at).toISOString()
}

const draftOf = (transfer: Element): DraftItem => {
  only(transfer, "PmtId", "PmtTpInf", "Amt", "ChrgBr", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf")
  only(one(transfer, "PmtId"), "InstrId", "EndToEndId")
  only(one(transfer, "Amt"), "InstdAmt")
  checkType(transfer)
  checkCharges(transfer)
  const { currency, minor } = amount(transfer, "Amt", "InstdAmt")
  const remittance = remittanceOf(transfer)
  return {
    reference: referenceOf(transfer),
    amount: { currency, value: formatAmount(minor, currency) },
    beneficiary: beneficiaryOf(transfer, only),
    ...(remittance === undefined ? {} : { remittance }),
  }
}

/** NOTPROVIDED is what payers without a reference of their own have to write. */
const referenceOf = (transfer: Element): string => {
  const given = maybeText(transfer, "PmtId", "EndToEndId")
  return given === undefined || given === "NOTPROVIDED"
    ? (maybeText(transfer, "PmtId", "InstrId") ?? UNNAMED)
    : given
}

/** Text lines, or the creditor's reference (ISO 11649) alone: it may be written as text as well. */
const remittanceOf = (transfer: Element): string | undefined => {
  const information = maybe(transfer, "RmtInf")
  if (information === undefined) return undefined
  only(information, "Ustrd", "Strd")
  const lines = all(information, "Ustrd").map((line) => line.text)
  const structured = maybe(information, "Strd")
  if (structured === undefined) return lines.join(" ")
  only(structured, "CdtrRefInf")
  only(one(structured, "CdtrRefInf"), "Tp", "Ref")
  if (lines.length > 0)
    unreadable("RmtInf", "both text and a structured reference; a payout carries one text")
  return text(structured, "CdtrRefInf", "Ref")
}

/** The number and sum that a part of the file gives of itself: one that was cut off does not add up. */
const checkSums = (part: Element, { count, sum }: Tally): void => {
  const saidCount = maybeText(part, "NbOfTxs")
  if (saidCount !== undefined && saidCount !== String(count))
    unreadable(`${part.name}/NbOfTxs`, `not the number of transfers, which is ${count}`)
  const said = maybeText(part, "CtrlSum")
  if (said === undefined) return
  if (!isDecimal(said) || sumOfDecimals([said]) !== sum)
    unreadable(`${part.name}/CtrlSum`, "not the sum of the amounts")
}
