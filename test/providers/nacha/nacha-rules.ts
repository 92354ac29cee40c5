/**
 * What the Nacha Operating Rules ask of a file of credits, field by field, read from the text by itself: it shares no code with
 * what writes it. Appendix Three has the layout of each record ("ACH record format specifications"), Appendix Two the sequence of
 * records, and the limit of same-day entries is that of the Same Day ACH rule since 2022-03-18.
 */

type Field = readonly [name: string, from: number, to: number, pattern: RegExp]

/** Positions as Appendix Three counts them, from 1, both ends included. */
const layouts: Readonly<Record<string, ReadonlyArray<Field>>> = {
  "1": [
    ["Record Type Code and Priority Code", 1, 3, /^101$/],
    ["Immediate Destination", 4, 13, /^(?: [0-9]{9}|[A-Z0-9]{10})$/],
    ["Immediate Origin", 14, 23, /^(?: [0-9]{9}|[A-Z0-9]{10})$/],
    ["File Creation Date", 24, 29, /^[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$/],
    ["File Creation Time", 30, 33, /^(?:[01][0-9]|2[0-3])[0-5][0-9]$/],
    ["File ID Modifier", 34, 34, /^[A-Z0-9]$/],
    ["Record Size, Blocking Factor, Format Code", 35, 40, /^094101$/],
    ["Immediate Destination Name", 41, 63, /^\S/],
    ["Immediate Origin Name", 64, 86, /^\S/],
    ["Reference Code", 87, 94, /^/],
  ],
  "5": [
    ["Service Class Code: credits only", 2, 4, /^220$/],
    ["Company Name", 5, 20, /^\S/],
    ["Company Discretionary Data", 21, 40, /^/],
    ["Company Identification", 41, 50, /^[A-Za-z0-9]/],
    ["Standard Entry Class Code", 51, 53, /^(?:PPD|CCD)$/],
    ["Company Entry Description", 54, 63, /^\S/],
    ["Company Descriptive Date", 64, 69, /^/],
    ["Effective Entry Date", 70, 75, /^[0-9]{6}$/],
    ["Settlement Date: inserted by the operator", 76, 78, /^ {3}$/],
    ["Originator Status Code", 79, 79, /^1$/],
    ["Originating DFI Identification", 80, 87, /^[0-9]{8}$/],
    ["Batch Number", 88, 94, /^[0-9]{7}$/],
  ],
  "6": [
    ["Transaction Code: a live credit", 2, 3, /^(?:22|32)$/],
    ["Receiving DFI Identification and Check Digit", 4, 12, /^[0-9]{9}$/],
    ["DFI Account Number, left-justified", 13, 29, /^\S+ *$/],
    ["Amount, not zero", 30, 39, /^(?!0{10})[0-9]{10}$/],
    ["Identification Number", 40, 54, /^[A-Z0-9]{15}$/],
    ["Individual or Receiving Company Name", 55, 76, /^\S/],
    ["Discretionary Data", 77, 78, /^ {2}$/],
    ["Addenda Record Indicator", 79, 79, /^[01]$/],
    ["Trace Number", 80, 94, /^[0-9]{15}$/],
  ],
  "7": [
    ["Addenda Type Code", 2, 3, /^05$/],
    ["Payment Related Information", 4, 83, /^\S/],
    ["Addenda Sequence Number", 84, 87, /^0001$/],
    ["Entry Detail Sequence Number", 88, 94, /^[0-9]{7}$/],
  ],
  "8": [
    ["Service Class Code", 2, 4, /^220$/],
    ["Entry/Addenda Count", 5, 10, /^[0-9]{6}$/],
    ["Entry Hash", 11, 20, /^[0-9]{10}$/],
    ["Total Debit Entry Dollar Amount", 21, 32, /^0{12}$/],
    ["Total Credit Entry Dollar Amount", 33, 44, /^[0-9]{12}$/],
    ["Company Identification", 45, 54, /^[A-Za-z0-9]/],
    ["Message Authentication Code and Reserved", 55, 79, /^ {25}$/],
    ["Originating DFI Identification", 80, 87, /^[0-9]{8}$/],
    ["Batch Number", 88, 94, /^[0-9]{7}$/],
  ],
  "9": [
    ["Batch Count", 2, 7, /^[0-9]{6}$/],
    ["Block Count", 8, 13, /^[0-9]{6}$/],
    ["Entry/Addenda Count", 14, 21, /^[0-9]{8}$/],
    ["Entry Hash", 22, 31, /^[0-9]{10}$/],
    ["Total Debit Entry Dollar Amount", 32, 43, /^0{12}$/],
    ["Total Credit Entry Dollar Amount", 44, 55, /^[0-9]{12}$/],
    ["Reserved", 56, 94, /^ {39}$/],
  ],
}

/** What may follow a record (Appendix Two, sequence of records). */
const followers: Readonly<Record<string, string>> = { "1": "59", "5": "6", "6": "678", "7": "678", "8": "59" }

export interface ReadEntry {
  readonly entryClass: string
  readonly effective: string
  readonly code: string
  readonly routing: string
  readonly account: string
  readonly cents: number
  readonly id: string
  readonly name: string
  readonly trace: string
  readonly remittance: string | undefined
}

const at = (record: string, from: number, to: number): string => record.slice(from - 1, to)
const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, one) => all + one, 0)

/** A routing number's check digit (ABA): weights 3, 7, 1. */
const isRouting = (digits: string): boolean =>
  [...digits].reduce((all, digit, index) => all + Number(digit) * ([3, 7, 1][index % 3] ?? 0), 0) % 10 === 0

const recordsOf = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)

/** The entries of a file that keeps the rules. */
export const entriesOf = (text: string): ReadonlyArray<ReadEntry> => {
  const entries: Array<ReadEntry> = []
  let batch = ""
  for (const record of recordsOf(text)) {
    if (record.startsWith("5")) batch = record
    const last = entries.at(-1)
    if (record.startsWith("7") && last !== undefined)
      entries[entries.length - 1] = { ...last, remittance: at(record, 4, 83).trimEnd() }
    if (!record.startsWith("6")) continue
    entries.push({
      entryClass: at(batch, 51, 53),
      effective: at(batch, 70, 75),
      code: at(record, 2, 3),
      routing: at(record, 4, 12),
      account: at(record, 13, 29).trimEnd(),
      cents: Number(at(record, 30, 39)),
      id: at(record, 40, 54),
      name: at(record, 55, 76).trimEnd(),
      trace: at(record, 80, 94),
      remittance: undefined,
    })
  }
  return entries
}

/** Everything that a file breaks of the rules; nothing when it keeps them. */
export const brokenNachaRules = (text: string): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const hold = (holds: boolean, rule: string): void => {
    if (!holds) broken.push(rule)
  }
  const records = recordsOf(text)
  hold(text.endsWith("\n"), "the last record ends")
  hold(
    records.every((record) => record.length === 94 && /^[ -~]*$/.test(record)),
    "94 characters of ASCII",
  )
  hold(records.length % 10 === 0, "blocks of ten records")
  const end = records.findIndex((record, index) => index > 0 && record.startsWith("9"))
  const own = records.slice(0, end + 1)
  hold(
    records.slice(end + 1).every((record) => record === "9".repeat(94)),
    "padding of nines",
  )
  for (const [index, record] of own.entries()) {
    const type = record[0] ?? ""
    for (const [name, from, to, pattern] of layouts[type] ?? [])
      hold(pattern.test(at(record, from, to)), `${type}: ${name}`)
    const next = own[index + 1]?.[0]
    hold(next === undefined ? type === "9" : (followers[type] ?? "").includes(next), `${type} before ${next}`)
    if (type === "6") hold(at(record, 79, 79) === (next === "7" ? "1" : "0"), "6: indicator of addenda")
    if (type === "6") hold(isRouting(at(record, 4, 12)), "6: check digit")
    if (type === "7")
      hold(at(record, 88, 94) === at(own[index - 1] ?? "", 88, 94), "7: of the entry before it")
  }
  const control = own.at(-1) ?? ""
  const batches = batchesOf(own)
  for (const [index, batch] of batches.entries()) holdBatch(batch, index, own[0] ?? "", hold)
  const entries = batches.flatMap(({ entries }) => entries)
  const credits = sum(entries.map((entry) => Number(at(entry, 30, 39))))
  const hash = sum(entries.map((entry) => Number(at(entry, 4, 11)))) % 10_000_000_000
  hold(Number(at(control, 2, 7)) === batches.length, "9: Batch Count")
  hold(Number(at(control, 8, 13)) * 10 === records.length, "9: Block Count")
  hold(Number(at(control, 14, 21)) === own.filter((record) => /^[67]/.test(record)).length, "9: Entry Count")
  hold(Number(at(control, 22, 31)) === hash, "9: Entry Hash")
  hold(Number(at(control, 44, 55)) === credits, "9: Total Credit")
  const traces = entries.map((entry) => at(entry, 80, 94))
  hold(new Set(traces).size === traces.length, "each trace number once in a file")
  return [...new Set(broken)]
}

interface ReadBatch {
  readonly header: string
  readonly entries: ReadonlyArray<string>
  readonly addenda: number
  readonly control: string
}

const batchesOf = (records: ReadonlyArray<string>): ReadonlyArray<ReadBatch> => {
  const starts = records.flatMap((record, index) => (record.startsWith("5") ? [index] : []))
  return starts.map((start) => {
    const length = records.slice(start).findIndex((record) => record.startsWith("8"))
    const inside = records.slice(start + 1, start + length)
    return {
      header: records[start] ?? "",
      entries: inside.filter((record) => record.startsWith("6")),
      addenda: inside.filter((record) => record.startsWith("7")).length,
      control: records[start + length] ?? "",
    }
  })
}

const holdBatch = (
  { header, entries, addenda, control }: ReadBatch,
  index: number,
  file: string,
  hold: (holds: boolean, rule: string) => void,
): void => {
  hold(at(header, 2, 4) === at(control, 2, 4), "8: Service Class Code of its header")
  hold(at(header, 41, 50) === at(control, 45, 54), "8: Company Identification of its header")
  hold(at(header, 80, 94) === at(control, 80, 94), "8: Originating DFI and Batch Number of its header")
  hold(Number(at(header, 88, 94)) === index + 1, "5: batches are numbered in ascending order")
  hold(Number(at(control, 5, 10)) === entries.length + addenda, "8: Entry/Addenda Count")
  hold(
    Number(at(control, 11, 20)) === sum(entries.map((entry) => Number(at(entry, 4, 11)))) % 10_000_000_000,
    "8: Entry Hash",
  )
  hold(
    Number(at(control, 33, 44)) === sum(entries.map((entry) => Number(at(entry, 30, 39)))),
    "8: Total Credit Entry Dollar Amount",
  )
  const traces = entries.map((entry) => at(entry, 80, 94))
  hold(
    traces.every((trace, index) => index === 0 || trace > (traces[index - 1] ?? "")),
    "6: trace numbers ascend within a batch",
  )
  hold(
    traces.every((trace) => trace.slice(0, 8) === at(header, 80, 87)),
    "6: trace numbers begin with the originating DFI",
  )
  const isSameDay = at(header, 70, 75) <= at(file, 24, 29)
  hold(
    !isSameDay || entries.every((entry) => Number(at(entry, 30, 39)) <= 100_000_000),
    "5: no entry of the same day is over 1,000,000 dollars",
  )
}
