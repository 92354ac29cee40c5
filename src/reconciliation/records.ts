/** The books of the banks and the ledger, grouped by batch. */
import { Effect } from "effect"
import type { Day } from "../domain/business-days.ts"
import { parseTransferReference } from "../domain/identifiers.ts"
import {
  type LedgerLine,
  RECORDS_MAX,
  type Source,
  SourceUnreadable,
  type StatementEntry,
  type UnusedPart,
} from "../providers/books.ts"
import { entriesByOrder, isIndirect } from "./booked-entries.ts"

/** The books' records of one batch. */
export interface BatchRecords {
  readonly entries: Array<StatementEntry>
  readonly lines: Array<LedgerLine>
}

export interface Books {
  /** By batch. A shared ledger may have batches that are not ours. */
  readonly batches: Map<string, BatchRecords>
  /** Payments of the day under references that are not ours. */
  readonly foreign: ReadonlyArray<StatementEntry>
  /** Entries of the day that have ids of ours, and count for no order. */
  readonly unclear: ReadonlyArray<StatementEntry>
  /** Parts of the statements and of the ledger's books that cannot be used. */
  readonly unused: ReadonlyArray<UnusedPart>
  /** How many records were read. */
  readonly entryCount: number
  readonly lineCount: number
}

/** No records, for a batch that the books do not have. */
export const noRecords = (): BatchRecords => ({ entries: [], lines: [] })

/**
 * Reads all books. Records of other days are kept as well, because the banks and the ledger may have booked an event of one
 * day on the next.
 */
export const readBooks = Effect.fn("readBooks")(function* (
  day: Day,
  statements: Source<StatementEntry>,
  ledger: Source<LedgerLine>,
) {
  const batches = new Map<string, BatchRecords>()
  const foreign: Array<StatementEntry> = []
  const unclear: Array<StatementEntry> = []
  const unused: Array<UnusedPart> = []
  let [entryCount, lineCount] = [0, 0]
  const indirect: Array<StatementEntry> = []
  const recordsOf = (batch: string): BatchRecords => {
    const known = batches.get(batch)
    if (known !== undefined) return known
    const records = noRecords()
    batches.set(batch, records)
    return records
  }
  const add = (entry: StatementEntry) => {
    const key = parseTransferReference(entry.reference)
    if (entry.unclear !== undefined) {
      if (entry.bookedOn === day) unclear.push(entry)
    } else if (key !== undefined) recordsOf(key.batch).entries.push(entry)
    else if (entry.kind === "debit" && entry.bookedOn === day) foreign.push(entry)
  }
  yield* bounded("the statements", statements)(
    (entry) => {
      entryCount += 1
      if (isIndirect(entry)) indirect.push(entry)
      else add(entry)
    },
    (part) => unused.push(part),
  )
  if (indirect.length > 0) for (const entry of yield* entriesByOrder(indirect)) add(entry)
  yield* bounded("the ledger", ledger)(
    (line) => {
      lineCount += 1
      recordsOf(line.batch).lines.push(line)
    },
    (row) => unused.push(row),
  )
  return { batches, foreign, unclear, unused, entryCount, lineCount }
})

/** The same source, which fails with `SourceUnreadable` beyond {@link RECORDS_MAX} records. */
const bounded =
  <Record>(name: string, source: Source<Record>): Source<Record> =>
  (visit, unused) => {
    let count = 0
    const tooMany = new SourceUnreadable({ source: name, reason: `more than ${RECORDS_MAX} records` })
    return source((record) => {
      count += 1
      if (count <= RECORDS_MAX) visit(record)
    }, unused).pipe(Effect.andThen(() => (count > RECORDS_MAX ? Effect.fail(tooMany) : Effect.void)))
  }
