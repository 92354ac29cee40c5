/**
 * The records of a file of Nacha, held to its own controls: a file that was cut off, mixed up or put together of two is refused with
 * the line. Source: Nacha Operating Rules, Appendix Three.
 */
import { unreadable } from "../iso20022/xml-reader.ts"

export interface NachaRecords {
  /** When the file was made, "YYYY-MM-DD". */
  readonly madeOn: string
  readonly batches: ReadonlyArray<NachaBatch>
}

export interface NachaBatch {
  readonly companyId: string
  /** The standard entry class: PPD, CCD, COR, ACK. */
  readonly entryClass: string
  readonly entries: ReadonlyArray<NachaEntry>
}

export interface NachaEntry {
  /** The place of the entry, such as "line 3". */
  readonly place: string
  readonly transactionCode: string
  /** In cents. */
  readonly minor: bigint
  /** 15 characters, of which spaces at the ends are left out. */
  readonly individualId: string
  /** Its addenda records as they are, of 94 characters. */
  readonly addenda: ReadonlyArray<string>
}

const LENGTH = 94

/** Whether a file begins as one of Nacha does: no XML begins so. */
export const isNacha = (file: Uint8Array): boolean =>
  file.length >= LENGTH && file[0] === 0x31 && file[1] === 0x30 && file[2] === 0x31

/** Reads all records, or throws an `UnreadableFile`. */
export const recordsIn = (file: Uint8Array): NachaRecords => {
  const lines = linesOf(new TextDecoder("latin1").decode(file))
  const end = lines.findIndex((line, index) => index > 0 && line.startsWith("9"))
  if (end < 0) return unreadable(`line ${lines.length}`, "the file ends before its control")
  const stray = lines.findIndex((line, index) => index > end && line !== FILLER)
  if (stray >= 0) return unreadable(`line ${stray + 1}`, "a record after the control of the file")
  const body = lines.slice(1, end)
  const batches = batchesIn(body)
  const last = body.at(-1)
  if (last !== undefined && !last.startsWith("8"))
    return unreadable(`line ${end + 1}`, "the file ends within a batch")
  holdControl(lines[end] ?? "", `line ${end + 1}`, batches, end + 1)
  const madeOn = dayIn(lines[0] ?? "")
  return { madeOn, batches: batches.map(({ batch }) => batch) }
}

const FILLER = "9".repeat(LENGTH)

/** Some carriers cut off the spaces at the end of lines, and some leave the line feeds out. */
const linesOf = (text: string): ReadonlyArray<string> => {
  const parts = /[\r\n]/.test(text) ? text.split(/\r\n|\n|\r/) : (text.match(/.{1,94}/gs) ?? [])
  while (parts.at(-1)?.trim() === "") parts.pop()
  return parts.map((part, index) => {
    const isPadded = part.length < LENGTH && /^[19]/.test(part)
    const line = isPadded ? part.padEnd(LENGTH) : part
    return line.length === LENGTH ? line : unreadable(`line ${index + 1}`, "not of 94 characters")
  })
}

const dayIn = (header: string): string => {
  const day = `20${header.slice(23, 25)}-${header.slice(25, 27)}-${header.slice(27, 29)}`
  const at = Date.parse(day)
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== day
    ? unreadable("line 1", "no day on which the file was made")
    : day
}

interface Sums {
  count: number
  hash: bigint
  debit: bigint
  credit: bigint
}

interface CountedEntry extends NachaEntry {
  readonly addenda: Array<string>
  /** Whether it says of itself that addenda follow. */
  readonly announcesAddenda: boolean
}

interface CountedBatch {
  readonly batch: Omit<NachaBatch, "entries"> & { readonly entries: Array<CountedEntry> }
  readonly header: string
  readonly sums: Sums
}

const batchesIn = (body: ReadonlyArray<string>): ReadonlyArray<CountedBatch> => {
  const done: Array<CountedBatch> = []
  let open: CountedBatch | undefined
  for (const [index, record] of body.entries()) {
    const place = `line ${index + 2}`
    const type = record[0]
    if (type === "5") {
      if (open !== undefined) return unreadable(place, "a batch begins within another")
      open = begun(record)
    } else if (open === undefined) return unreadable(place, "a record outside of a batch")
    else if (type === "6") addEntry(open, record, place)
    else if (type === "7") addAddenda(open, record, place)
    else if (type === "8") {
      holdBatchControl(open, record, place)
      done.push(open)
      open = undefined
    } else return unreadable(place, "a record of no type that there is")
  }
  return done
}

const begun = (header: string): CountedBatch => ({
  batch: { companyId: header.slice(40, 50).trim(), entryClass: header.slice(50, 53), entries: [] },
  header,
  sums: { count: 0, hash: 0n, debit: 0n, credit: 0n },
})

const addEntry = ({ batch, sums }: CountedBatch, record: string, place: string): void => {
  if (!hasAddenda(batch.entries.at(-1))) unreadable(place, "the entry before it lacks its addenda")
  const minor = numberIn(record, 29, 39, place)
  batch.entries.push({
    place,
    transactionCode: record.slice(1, 3),
    minor,
    individualId: record.slice(39, 54).trim(),
    addenda: [],
    announcesAddenda: record[78] === "1",
  })
  sums.count += 1
  sums.hash += numberIn(record, 3, 11, place)
  if (isDebit(record)) sums.debit += minor
  else sums.credit += minor
}

const hasAddenda = (entry: CountedEntry | undefined): boolean =>
  entry === undefined || !entry.announcesAddenda || entry.addenda.length > 0

/** Debits of accounts have codes that end with 5 to 9 (Appendix Three, transaction codes). */
const isDebit = (entry: string): boolean => /[5-9]/.test(entry[2] ?? "")

const addAddenda = ({ batch, sums }: CountedBatch, record: string, place: string): void => {
  const entry = batch.entries.at(-1)
  if (entry?.announcesAddenda !== true) unreadable(place, "addenda of an entry that announces none")
  entry?.addenda.push(record)
  sums.count += 1
}

const holdBatchControl = ({ batch, header, sums }: CountedBatch, record: string, place: string): void => {
  if (!hasAddenda(batch.entries.at(-1))) unreadable(place, "the entry before it lacks its addenda")
  const own = [record.slice(1, 4), record.slice(44, 54), record.slice(79, 94)]
  const opened = [header.slice(1, 4), header.slice(40, 50), header.slice(79, 94)]
  if (own.some((field, index) => field !== opened[index]))
    unreadable(place, "the control is of another batch than the one that it ends")
  holdSums(record, place, sums, [4, 10, 20, 32, 44])
}

const holdControl = (
  record: string,
  place: string,
  batches: ReadonlyArray<CountedBatch>,
  records: number,
): void => {
  const sums = batches.reduce<Sums>(
    (all, { sums }) => ({
      count: all.count + sums.count,
      hash: all.hash + sums.hash,
      debit: all.debit + sums.debit,
      credit: all.credit + sums.credit,
    }),
    { count: 0, hash: 0n, debit: 0n, credit: 0n },
  )
  if (numberIn(record, 1, 7, place) !== BigInt(batches.length)) unreadable(place, "another number of batches")
  if (numberIn(record, 7, 13, place) !== BigInt(Math.ceil(records / 10)))
    unreadable(place, "another number of blocks")
  holdSums(record, place, sums, [13, 21, 31, 43, 55])
}

/** Compares the count, the hash and the two totals of a control, which stand between these places. */
const holdSums = (
  record: string,
  place: string,
  { count, hash, debit, credit }: Sums,
  [from, hashFrom, debitFrom, creditFrom, end]: readonly [number, number, number, number, number],
): void => {
  if (numberIn(record, from, hashFrom, place) !== BigInt(count))
    unreadable(place, "another number of entries")
  if (numberIn(record, hashFrom, debitFrom, place) !== hash % 10_000_000_000n)
    unreadable(place, "another hash of the entries")
  if (numberIn(record, debitFrom, creditFrom, place) !== debit) unreadable(place, "another sum of debits")
  if (numberIn(record, creditFrom, end, place) !== credit) unreadable(place, "another sum of credits")
}

const numberIn = (record: string, from: number, to: number, place: string): bigint => {
  const field = record.slice(from, to)
  return /^[0-9]+$/.test(field) ? BigInt(field) : unreadable(`${place} column ${from + 1}`, "not a number")
}
