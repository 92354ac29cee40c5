/**
 * What a bank tells in files of Nacha of credits that we sent: returns (addenda 99), notifications of change (addenda 98), and
 * acknowledgements of the receiving bank (entries of the class ACK). An entry that cannot be read takes no other one with it.
 *
 * Source: Nacha Operating Rules, Appendix Three (addenda records for returns, dishonored returns and notifications of change; ACK
 * entries), Appendix Four and Five.
 */
import { plainCodeOf } from "../../domain/failure-codes.ts"
import { cleanText } from "../../domain/outside-text.ts"
import type { TransferReport, UnreadPart } from "../iso20022/transfer-report.ts"
import { UnreadableFile } from "../iso20022/unreadable-file.ts"
import { changeText, refusedChangeCodes } from "./change-codes.ts"
import { isIndividualId } from "./individual-id.ts"
import { type NachaBatch, type NachaEntry, recordsIn } from "./nacha-records.ts"
import { returnCodes } from "./return-codes.ts"

/** A file of entries that came back, with the companies that its batches are for. */
export interface ReturnFile {
  readonly _tag: "ReturnFile"
  /** When the bank made it, "YYYY-MM-DD". */
  readonly madeOn: string
  readonly companies: ReadonlyArray<string>
  readonly named: ReadonlyArray<TransferReport>
  readonly unread?: ReadonlyArray<UnreadPart>
}

/** Reads a file, or throws an `UnreadableFile` if it is none, or nothing of it can be read. */
export const returnFileIn = (file: Uint8Array): ReturnFile => {
  const { madeOn, batches } = recordsIn(file)
  const parts = batches.flatMap((batch) => batch.entries.map((entry) => partOf(batch, entry)))
  const named = parts.flatMap((part) => ("report" in part ? [part.report] : []))
  const unread = parts.flatMap((part) => ("report" in part ? [] : [part]))
  const [first] = unread
  if (named.length === 0) throw new UnreadableFile(first ?? { place: "the file", problem: "has no entries" })
  const companies = [...new Set(batches.map(({ companyId }) => companyId))]
  return { _tag: "ReturnFile", madeOn, companies, named, ...(unread.length === 0 ? {} : { unread }) }
}

type Part = { readonly report: TransferReport } | UnreadPart

/** Codes of entries that came back from an account that we sent a credit to: checking and savings. */
const returnedCredits: ReadonlySet<string> = new Set(["21", "31"])
/** Codes of acknowledged credits: checking and savings. */
const acknowledgedCredits: ReadonlySet<string> = new Set(["24", "34"])

const partOf = ({ entryClass }: NachaBatch, entry: NachaEntry): Part => {
  if (entryClass === "ACK") return acknowledgementOf(entry)
  const { transactionCode, addenda } = entry
  const [told, ...others] = addenda.filter((record) => /^7(?:98|99)/.test(record))
  if (told === undefined) return unreadPart(entry, "neither a return nor a notification of change")
  if (others.length > 0) return unreadPart(entry, "returned or corrected more than once")
  if (!returnedCredits.has(transactionCode)) return unreadPart(entry, "not about a credit to an account")
  return told.startsWith("799") ? returnOf(entry, told) : changeOf(entry, told)
}

const returnOf = (entry: NachaEntry, told: string): Part => {
  const code = plainCodeOf(told.slice(3, 6))
  if (!/^R[0-9]{2}$/.test(code)) return unreadPart(entry, "a return without a reason code")
  const meaning = returnCodes.get(code)
  const isReturned = meaning === undefined || meaning === "returned"
  const text = isReturned ? cleanText(told.slice(35, 79).trim()) : ""
  const reasons = text === "" ? {} : { reasons: [cleanText(`${code}: ${text}`)] }
  if (!isReturned) return reportOf(entry, told, { _tag: "Unclear" })
  return reportOf(entry, told, { _tag: "Returned", code, ...reasons }, true)
}

const changeOf = (entry: NachaEntry, told: string): Part => {
  const code = told.slice(3, 6)
  if (refusedChangeCodes.has(code)) return reportOf(entry, told, { _tag: "Unclear" })
  const text = changeText(code, told.slice(35, 64))
  return text === undefined
    ? unreadPart(entry, "a change code that there is not")
    : reportOf(entry, told, { _tag: "Corrected", reasons: [text] })
}

/** Where other entries have the identification number, these have the trace number of the entry that arrived. */
const acknowledgementOf = (entry: NachaEntry): Part => {
  const { transactionCode, individualId } = entry
  if (!acknowledgedCredits.has(transactionCode)) return unreadPart(entry, "not about a credit to an account")
  return { report: { reference: "", trace: individualId, status: { _tag: "Accepted" } } }
}

/** A return has the amount of the entry; a correction has none. */
const reportOf = (
  { individualId, minor }: NachaEntry,
  told: string,
  status: TransferReport["status"],
  hasAmount = false,
): Part => ({
  report: {
    reference: individualId,
    trace: told.slice(6, 21),
    status,
    ...(hasAmount ? { amount: { currency: "USD", minor } } : {}),
  },
})

const unreadPart = ({ place, individualId }: NachaEntry, problem: string): UnreadPart => ({
  place,
  problem,
  references: isIndividualId(individualId) ? [individualId] : [],
})
