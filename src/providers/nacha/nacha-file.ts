/**
 * A file of Nacha with credits: PPD to accounts of people and CCD to those of companies, a batch for each class and effective date.
 * The content depends on the input alone, so the same file can be written again.
 *
 * Source: Nacha Operating Rules, Appendix Three (ACH record format specifications). Records have 94 characters, blocks ten records.
 */
import type { BankAccount } from "../../domain/beneficiary.ts"
import type { CreditTransfer, TransferDetails } from "../iso20022/credit-transfer.ts"
import { effectiveDateOf, type FileTimes, newYork } from "./entry-dates.ts"
import { individualIdOf } from "./individual-id.ts"
import { FILE_ID_MODIFIERS, type NachaSettings } from "./nacha-settings.ts"
import { inPlaces, traceNumberOf } from "./trace-numbers.ts"

/** The totals of a batch and a file have twelve digits. */
export const FILE_MINOR_MAX = 999_999_999_999n
/** An entry's amount has ten. */
export const ENTRY_MINOR_MAX = 9_999_999_999n
export const ACCOUNT_LENGTH_MAX = 17
export const NAME_LENGTH_MAX = 22
/** One addenda record. */
export const REMITTANCE_LENGTH_MAX = 80

const BLOCK = 10
/** Credits only. */
const SERVICE_CLASS = "220"

export type EntryClass = "PPD" | "CCD"

export interface NachaFile extends FileTimes {
  readonly settings: NachaSettings
  /** The number of the file on its day, from 1. */
  readonly sequence: number
  /** What people at the bank see it called. */
  readonly name: string
  /** The class of payments to accounts of which nobody said who holds them. */
  readonly entryClass: EntryClass
  readonly transfers: ReadonlyArray<CreditTransfer>
}

/** Writes a file: lines that end with a line feed. Throws for what the format cannot carry, which is refused long before. */
export const writeNachaFile = (file: NachaFile): string => {
  const { day, sequence, settings, transfers } = file
  const entries = inPlaces(transfers).map((transfer, index) => ({
    transfer,
    trace: traceNumberOf(settings.originatingDfi, { day, sequence, index }),
    group: `${entryClassOf(transfer.details, file.entryClass)} ${effectiveDateOf(transfer.minor, file, settings)}`,
  }))
  const groups = [...Map.groupBy(entries, ({ group }) => group)].sort(([one], [other]) =>
    one < other ? -1 : 1,
  )
  const batches = groups.map(([group, own], index) => batchOf(file, group, own, index + 1))
  const lines = [headerOf(file), ...batches.flatMap(({ lines }) => lines)]
  const records = lines.length + 1
  const control = line(
    "9",
    digits(batches.length, 6),
    digits(Math.ceil(records / BLOCK), 6),
    digits(total(batches.map(({ count }) => BigInt(count))), 8),
    hashOf(batches.map(({ hash }) => hash)),
    digits(0, 12),
    digits(total(batches.map(({ minor }) => minor)), 12),
    blank(39),
  )
  const filler = Array.from({ length: (BLOCK - (records % BLOCK)) % BLOCK }, () => "9".repeat(RECORD_LENGTH))
  return [...lines, control, ...filler, ""].join("\n")
}

const headerOf = ({ settings, sequence, madeAt }: NachaFile): string => {
  const made = newYork(madeAt)
  const modifier = (settings.fileIdModifiers ?? FILE_ID_MODIFIERS)[sequence - 1]
  if (modifier === undefined) throw new Error("a day has more files than the bank takes")
  return line(
    "101",
    settings.immediateDestination.padStart(10),
    settings.immediateOrigin.padStart(10),
    dateOf(made.day),
    made.time.replace(":", ""),
    modifier,
    "094101",
    left(settings.immediateDestinationName, 23),
    left(settings.immediateOriginName, 23),
    blank(8),
  )
}

interface Entry {
  readonly transfer: CreditTransfer
  readonly trace: string
}

const batchOf = (
  { settings, name }: NachaFile,
  group: string,
  entries: ReadonlyArray<Entry>,
  number: number,
) => {
  const [entryClass = "", effective = ""] = group.split(" ")
  const lines = entries.flatMap(entryLines)
  const minor = total(entries.map(({ transfer }) => transfer.minor))
  const hash = total(entries.map(({ transfer }) => BigInt(accountOf(transfer).routingNumber.slice(0, 8))))
  const company = left(settings.companyId, 10)
  const origin = settings.originatingDfi.slice(0, 8)
  const header = line(
    "5",
    SERVICE_CLASS,
    left(settings.companyName, 16),
    left(name, 20),
    company,
    entryClass,
    left(settings.entryDescription, 10),
    blank(6),
    dateOf(effective),
    blank(3),
    "1",
    origin,
    digits(number, 7),
  )
  const control = line(
    "8",
    SERVICE_CLASS,
    digits(lines.length, 6),
    hashOf([hash]),
    digits(0, 12),
    digits(minor, 12),
    company,
    blank(25),
    origin,
    digits(number, 7),
  )
  return { lines: [header, ...lines, control], count: lines.length, hash, minor }
}

const entryLines = ({ transfer, trace }: Entry): ReadonlyArray<string> => {
  const { reference, minor, details } = transfer
  const { routingNumber, accountNumber, accountType } = accountOf(transfer)
  const hasAddenda = details.remittance !== undefined
  const entry = line(
    "6",
    accountType === "checking" ? "22" : "32",
    routingNumber,
    left(accountNumber, ACCOUNT_LENGTH_MAX),
    digits(minor, 10),
    individualIdOf(reference),
    left(details.name, NAME_LENGTH_MAX),
    blank(2),
    hasAddenda ? "1" : "0",
    trace,
  )
  if (details.remittance === undefined) return [entry]
  return [entry, line("705", left(details.remittance, REMITTANCE_LENGTH_MAX), digits(1, 4), trace.slice(8))]
}

/** CCD for a company's account and PPD for a person's. */
const entryClassOf = ({ account }: TransferDetails, otherwise: EntryClass): EntryClass => {
  const holder = account.scheme === "aba" ? account.holderType : undefined
  if (holder === undefined) return otherwise
  return holder === "company" ? "CCD" : "PPD"
}

const accountOf = ({ details }: CreditTransfer): Extract<BankAccount, { readonly scheme: "aba" }> => {
  if (details.account.scheme !== "aba") throw new Error("a file of Nacha has an account outside of the US")
  return details.account
}

const RECORD_LENGTH = 94

const line = (...fields: ReadonlyArray<string>): string => {
  const record = fields.join("")
  if (record.length !== RECORD_LENGTH || !/^[ -~]*$/.test(record))
    throw new Error("a record of Nacha has another length, or characters that it cannot have")
  return record
}

const blank = (length: number): string => " ".repeat(length)
const left = (text: string, length: number): string => text.padEnd(length)
const digits = (number: number | bigint, length: number): string => String(number).padStart(length, "0")
/** The last ten digits of the sum of the receiving banks' numbers. */
const hashOf = (sums: ReadonlyArray<bigint>): string => digits(total(sums) % 10_000_000_000n, 10)
const total = (numbers: ReadonlyArray<bigint>): bigint => numbers.reduce((sum, number) => sum + number, 0n)
/** "261128" for 2026-11-28. */
const dateOf = (day: string): string => day.slice(2).replaceAll("-", "")
