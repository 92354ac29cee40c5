/**
 * A file of payouts that comes in pieces, as the API takes it: separated values, newline-delimited JSON, or pain.001. Of the
 * file no more is held than the row that is being read; what stays are the items, and what is wrong with rejected rows.
 */
import { Effect, Predicate, Result } from "effect"
import { CurrenciesInUse, executeAtProblem, type IntakeRules } from "../http/payout-batches/intake-rules.ts"
import { inSlices, turn } from "../parsing/turns.ts"
import { elementOfField } from "./creditor.ts"
import { CsvRows } from "./csv-table.ts"
import type { DecimalNotation } from "./decimal-notation.ts"
import type { FileProblem } from "./file-problem.ts"
import type { Layout } from "./layout.ts"
import { NdjsonRows } from "./ndjson-rows.ts"
import { type OrderTerms, PaymentOrderReader, UNNAMED } from "./payment-order.ts"
import { type Naming, PayoutReading, type ReadPayouts, type Rejected } from "./payout-reading.ts"
import { columnOfField } from "./payout-rows.ts"
import { REASON_COLUMN } from "./rejected-cells.ts"
import { isProblems, type SheetHead, sheetHead } from "./sheet-rows.ts"
import { NO_ROWS } from "./spreadsheet.ts"
import { type Delimiter, ROWS_MAX, type Row } from "./table.ts"
import { TextPieces } from "./text-pieces.ts"

export const streamForms = ["csv", "ndjson", "xml"] as const
export type StreamForm = (typeof streamForms)[number]

/** What is known of a file beside its bytes. */
export interface StreamTerms {
  readonly form: StreamForm
  readonly rules: IntakeRules
  /** Epoch milliseconds. */
  readonly now: number
  /** As the request has it: RFC 3339. */
  readonly executeAt: string | undefined
  /** Of a file without a byte order mark. */
  readonly encoding: string | undefined
  /** Nobody needs the bytes once they were read: they are let go piece by piece. */
  readonly isReadOnce: boolean
  /** How a spreadsheet writes its amounts, where that is another way than its layout's. */
  readonly notation: Partial<DecimalNotation>
}

/** A file that was read to its end, or until too many of its rows were rejected. */
export interface PayoutStream extends ReadPayouts {
  readonly rejected: ReadonlyArray<Rejected>
  /** Rows or transfers, of whatever kind. */
  readonly count: number
  readonly isComplete: boolean
  readonly naming: Naming
  /** What a pain.001 document says of all its transfers. */
  readonly order?: OrderTerms
}

/** What is wrong with a file as a whole; nothing is said of single rows. */
export type Unreadable = ReadonlyArray<FileProblem>

/** Bytes that are read before others get their turn: about two milliseconds. XML takes longest. */
const readAtOnce: Readonly<Record<StreamForm, number>> = {
  csv: 16 * 1024,
  ndjson: 32 * 1024,
  xml: 8 * 1024,
}

const NOTHING = Buffer.alloc(0)

/** Reads a file, and checks each of its payouts as the API checks the items of a body. */
export const readPayoutStream = Effect.fnUntraced(function* (
  pieces: Array<Buffer>,
  terms: StreamTerms,
): Effect.fn.Return<PayoutStream, Unreadable> {
  const reader = readerOf(terms)
  const { reading } = reader
  const release = (index: number): void => {
    if (terms.isReadOnce) pieces[index] = NOTHING
  }
  yield* fed(pieces, terms.form, reader, () => reading.isFull, release).pipe(
    Effect.ensuring(Effect.sync(() => reader.stop())),
  )
  yield* inSlices(reading.end())
  const order = reading.isFull ? undefined : reader.order?.()
  const beyond = order === undefined ? undefined : orderProblem(order, reading, terms)
  if (beyond !== undefined) return yield* Effect.fail([beyond])
  if (reading.count === 0) return yield* Effect.fail([{ reason: reader.nothing }])
  const { rejected, isFull, count } = reading
  return {
    ...reading.payouts,
    rejected,
    count,
    isComplete: !isFull,
    naming: reader.naming(),
    ...(order === undefined ? {} : { order }),
  }
})

/** Feeds a reader slice by slice, and ends with it. */
export const fed = Effect.fnUntraced(function* (
  pieces: ReadonlyArray<Buffer>,
  form: StreamForm,
  { take, end }: Pick<StreamReader, "take" | "end">,
  isEnough: () => boolean,
  release?: (index: number) => void,
) {
  const atOnce = readAtOnce[form]
  for (const [index, piece] of pieces.entries()) {
    release?.(index)
    for (let at = 0; at < piece.length; at += atOnce) {
      if (isEnough()) return
      yield* turn
      yield* orFail(take(piece.subarray(at, at + atOnce)))
    }
  }
  if (!isEnough()) yield* orFail(end())
})

export type Found = Unreadable | undefined

const orFail = (found: Found | Promise<Found>): Effect.Effect<void, Unreadable> =>
  Effect.flatMap(
    found instanceof Promise ? Effect.promise(() => found) : Effect.succeed(found),
    (problems) => (problems === undefined ? Effect.void : Effect.fail(problems)),
  )

interface StreamReader {
  readonly reading: PayoutReading
  readonly take: (bytes: Buffer) => Found | Promise<Found>
  readonly end: () => Found | Promise<Found>
  readonly stop: () => void
  readonly naming: () => Naming
  readonly order?: () => OrderTerms | undefined
  /** What is said of a file without any payout. */
  readonly nothing: string
}

const readerOf = (terms: StreamTerms): StreamReader => {
  switch (terms.form) {
    case "csv":
      return csvReader(terms)
    case "ndjson":
      return ndjsonReader(terms)
    case "xml":
      return xmlReader(terms)
  }
}

const byLine: Naming = { placeName: "line", columnOf: (field) => field, mayBeShared: () => false }

/** Outlives the reader of the file, so it must not hold on to it: a function that is made there holds all that was read. */
const byLineIn = (layout: Layout): Naming => ({
  placeName: "line",
  columnOf: (field) => columnOfField(layout, field),
  mayBeShared: (reference) => layout.sharesReferences === true && reference !== "",
})

const csvReader = ({ rules, now, executeAt, encoding, notation }: StreamTerms): StreamReader => {
  let naming = byLine
  const reading = new PayoutReading(rules, naming, now, executeAt)
  let broken: Unreadable | undefined
  const rows = sheetRows(notation, {
    onHead: ({ layout }) => {
      naming = byLineIn(layout)
      reading.naming = naming
    },
    onRow: (row, draft) => reading.add(row.line, draft),
    onProblem: (problems) => {
      broken ??= problems
    },
  })
  const text = new TextPieces(encoding, false)
  const takeText = async (piece: string | FileProblem): Promise<Found> => {
    if (typeof piece !== "string") return [piece]
    const problem = piece === "" ? undefined : await rows.take(piece)
    return broken ?? (problem && [problem])
  }
  return {
    reading,
    take: (bytes) => takeText(text.take(bytes)),
    end: async () => {
      const problems = await takeText(text.end())
      if (problems !== undefined) return problems
      const problem = await rows.end()
      return broken ?? (problem && [problem])
    },
    stop: () => rows.stop(),
    naming: () => naming,
    nothing: NO_ROWS,
  }
}

interface SheetReports {
  readonly onHead: (head: SheetHead) => void
  readonly onRow: (row: Row, draft: Parameters<PayoutReading["add"]>[1]) => void
  readonly onProblem: (problems: Unreadable) => void
}

/** The rows of a sheet: the first one is the header, and decides how the others are read. */
export const sheetRows = (
  notation: Partial<DecimalNotation>,
  { onHead, onRow, onProblem }: SheetReports,
): CsvRows => {
  let found: ReturnType<typeof sheetHead> | undefined
  return new CsvRows((row: Row, delimiter: Delimiter) => {
    if (found === undefined) {
      found = sheetHead(row, delimiter, notation)
      if (isProblems(found)) onProblem(found)
      else {
        onHead(found.head)
        const { first } = found.head
        if (first !== undefined) onRow(first, found.read(first))
      }
    } else if (!isProblems(found)) onRow(row, found.read(row))
  })
}

const ndjsonReader = ({ rules, now, executeAt }: StreamTerms): StreamReader => {
  const reading = new PayoutReading(rules, byLine, now, executeAt)
  const rows = new NdjsonRows(
    (line, value) => {
      if (!reading.isFull) reading.read(line, withoutReason(value))
    },
    (line, problem) => {
      if (!reading.isFull) reading.reject(line, [problem])
    },
  )
  const listed = (problem: FileProblem | undefined): Found => problem && [problem]
  return {
    reading,
    take: (bytes) => listed(rows.take(bytes)),
    end: () => listed(rows.end()),
    stop: () => {},
    naming: () => byLine,
    nothing: "no items",
  }
}

/** A line of a file of rejected rows says why it was rejected. */
const withoutReason = (value: unknown): unknown => {
  if (!Predicate.hasProperty(value, REASON_COLUMN)) return value
  const { [REASON_COLUMN]: _, ...item } = value
  return item
}

const inOrder: Naming = {
  placeName: "item",
  columnOf: elementOfField,
  mayBeShared: (reference) => reference === UNNAMED,
}

const xmlReader = ({ rules, now, executeAt, encoding }: StreamTerms): StreamReader => {
  const reading = new PayoutReading(rules, inOrder, now, executeAt)
  let order: OrderTerms | undefined
  let broken: Unreadable | undefined
  const reader = new PaymentOrderReader((item, draft) => {
    if (item > ROWS_MAX) broken ??= [{ reason: `more than ${ROWS_MAX} payments` }]
    else reading.add(item, draft)
  })
  const text = new TextPieces(encoding, true)
  const take = (piece: string | FileProblem): Found => {
    if (typeof piece !== "string") return [piece]
    const problem = reader.take(piece)
    return broken ?? (problem && [problem])
  }
  return {
    reading,
    take: (bytes) => take(text.take(bytes)),
    end: () => {
      const problems = take(text.end())
      if (problems !== undefined) return problems
      const ended = reader.end()
      if (Result.isFailure(ended)) return [ended.failure]
      order = ended.success
      return undefined
    },
    stop: () => {},
    naming: () => inOrder,
    order: () => order,
    nothing: "no payments",
  }
}

/** What the day of an order does not allow: its currencies have to be in use then. */
const orderProblem = (
  { executeAt }: OrderTerms,
  { payouts }: PayoutReading,
  { rules, now }: StreamTerms,
): FileProblem | undefined => {
  const untimely = executeAtProblem(Date.parse(executeAt), now, rules)
  if (untimely !== undefined) return { column: "PmtInf/ReqdExctnDt", reason: untimely }
  const currencies = new CurrenciesInUse(now, executeAt)
  for (const currency of Object.keys(payouts.totals)) {
    const reason = currencies.problemOf(currency)
    if (reason !== undefined) return { column: "Amt/InstdAmt", reason }
  }
  return undefined
}
