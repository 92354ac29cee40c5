/** A payout batch from a file: JSON as the API takes it, or a list of items; pain.001; Bacs Standard 18; or a spreadsheet in a known layout. */
import { readFile, stat } from "node:fs/promises"
import { Effect, Result, Schema } from "effect"
import { CliError } from "effect/cli"
import { type RequestedItem, readBatchRequest } from "../http/payout-batches/payout-batch-request.ts"
import {
  canonicalBody,
  contentKey,
  inOrder,
  keyToPayAgain,
  referenceToPayAgain,
  type Terms,
} from "./canonical-batch.ts"
import { elementOfField } from "./creditor.ts"
import { readCsv } from "./csv-table.ts"
import type { DecimalNotation } from "./decimal-notation.ts"
import { checkDrafts } from "./draft-check.ts"
import { type FileProblem, placeOf } from "./file-problem.ts"
import { decodeText, type FileText, isEncoding } from "./file-text.ts"
import { withOwnReferences } from "./item-references.ts"
import { readPaymentOrder, UNNAMED } from "./payment-order.ts"
import { columnOfField, type DraftItem } from "./payout-rows.ts"
import { type RejectedRow, readSpreadsheet, rejectedRow, type Spreadsheet } from "./spreadsheet.ts"
import { isStandard18, readStandard18 } from "./standard-18.ts"
import { ROWS_MAX } from "./table.ts"

const FILE_BYTES_MAX = 16 * 1024 * 1024
const PROBLEMS_MAX = 100
const PROBLEMS_SHOWN_MAX = 20

/** What the caller knows of a file that the file does not say, and what is to be done with it. */
export interface ReadOptions {
  /** The encoding of a spreadsheet without a byte order mark. */
  readonly encoding?: string | undefined
  readonly decimal?: DecimalNotation["decimal"] | undefined
  readonly thousands?: DecimalNotation["thousands"] | undefined
  /** Rows that cannot be paid are set aside and do not stop the others. */
  readonly setsAside?: boolean
  /** Why the same payouts are to be paid once more. */
  readonly again?: string | undefined
}

/** The payouts of a file that passed every check. */
export interface PayoutFile {
  /** The request body to send: the same for the same payouts on the same terms. */
  readonly body: string
  /** In the order and with the numbers that they have in the batch. */
  readonly items: ReadonlyArray<RequestedItem>
  /** The idempotency key that follows from the payouts. */
  readonly contentKey: string
  /** The key to send: the same, or one that follows from it and the reason to pay again. */
  readonly key: string
  /** What its reader should know and did not ask. */
  readonly notes: ReadonlyArray<string>
  /** The same file as a spreadsheet, if it is one. */
  readonly sheet: Spreadsheet | undefined
  /** ", line 3, amount": where a field of an item stands, by the item's number in the batch and the API's name of the field. */
  readonly placeOfItem: (item: number, field: string | undefined) => string
}

/** The file is not a payout batch; nothing of it is sent. The message has a line for each of the first 20 problems. */
export class InvalidPayoutFile extends Schema.TaggedError<InvalidPayoutFile>()("InvalidPayoutFile", {
  file: Schema.String,
  problems: Schema.Array(Schema.Struct({ place: Schema.String, reason: Schema.String })),
}) {
  override get message() {
    const shown = this.problems
      .slice(0, PROBLEMS_SHOWN_MAX)
      .map(({ place, reason }) => `  ${this.file}${place}: ${reason}`)
    const more = this.problems.length - shown.length
    const atLeast = this.problems.length >= PROBLEMS_MAX ? "at least " : ""
    return [
      `${this.file} was not submitted:`,
      ...shown,
      ...(more > 0 ? [`  … and ${atLeast}${more} more`] : []),
    ].join("\n")
  }
  override get [CliError.userMessage]() {
    return this.message
  }
}

/** Reads a file of at most 16 MiB; its kind is recognised by its content, not by its name. */
export const readPayoutFile = Effect.fn("readPayoutFile")(function* (
  file: string,
  options: ReadOptions = {},
): Effect.fn.Return<PayoutFile, InvalidPayoutFile> {
  const bytes = yield* Effect.tryPromise({
    try: () => load(file),
    catch: (error) => invalid(file, [{ reason: error instanceof Error ? error.message : String(error) }]),
  })
  return yield* read(bytes, options).pipe(Effect.mapError((problems) => invalid(file, problems)))
})

const load = async (file: string): Promise<Buffer> => {
  const { size } = await stat(file)
  if (size > FILE_BYTES_MAX) throw new Error(`larger than ${FILE_BYTES_MAX} bytes`)
  return readFile(file)
}

type Reading = Effect.Effect<PayoutFile, ReadonlyArray<FileProblem>>

const refused = (reason: string): Effect.Effect<never, ReadonlyArray<FileProblem>> =>
  Effect.fail([{ reason }])

const read = (bytes: Buffer, options: ReadOptions): Reading => {
  const beginning = bytes.toString("latin1", 0, 1_024)
  if (beginning.startsWith("PK\x03\x04"))
    return refused("an XLSX workbook, which is not read; save the sheet as CSV UTF-8")
  if (beginning.startsWith("\xd0\xcf\x11\xe0"))
    return refused("an old Excel workbook, which is not read; save the sheet as CSV UTF-8")
  // Marks, white space, and the zero bytes of UTF-16 may stand before the first character.
  const first = /[^\s\0\xef\xbb\xbf\xfe\xff]/.exec(beginning)?.[0]
  if (first !== "{" && first !== "[" && first !== "<") return readTable(bytes, options)
  const stray = onlyForSpreadsheets(options)
  if (stray !== undefined) return refused(`${stray} is for spreadsheets`)
  return first === "<" ? readXmlFile(bytes, options) : readJson(bytes, first === "[", options)
}

const onlyForSpreadsheets = ({
  encoding,
  decimal,
  thousands,
  setsAside,
}: ReadOptions): string | undefined => {
  if (encoding !== undefined) return "--encoding"
  if (decimal !== undefined) return "--decimal"
  if (thousands !== undefined) return "--thousands"
  return setsAside === true ? "--rejects" : undefined
}

const textOf = (bytes: Buffer, encoding?: string): Effect.Effect<FileText, ReadonlyArray<FileProblem>> =>
  Result.match(decodeText(bytes, encoding), {
    onSuccess: Effect.succeed,
    onFailure: refused,
  })

/** The body of a request, or the list of its items alone. */
const readJson = Effect.fnUntraced(function* (bytes: Buffer, isList: boolean, options: ReadOptions) {
  const { text, assumed } = yield* textOf(bytes)
  if (assumed) return yield* refused("not UTF-8")
  if (isList && !isJson(text)) return yield* refused("expected JSON")
  const {
    items,
    totals: _,
    ...terms
  } = yield* readBatchRequest(Buffer.from(isList ? `{"items":${text}}` : text)).pipe(
    Effect.mapError(({ problems }) =>
      problems.map(({ item, field, detail }) => ({ item, column: field, reason: detail })),
    ),
  )
  return batchOf(terms, items, options, { notes: [], sheet: undefined, placed: inJson })
})

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const readXmlFile = Effect.fnUntraced(function* (bytes: Buffer, options: ReadOptions) {
  const declared = /^[^>]*?\bencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(
    bytes.toString("latin1", 0, 200),
  )?.[1]
  if (declared !== undefined && !isEncoding(declared))
    return yield* refused("declares an encoding that is unknown")
  const { text } = yield* textOf(bytes, declared ?? "utf-8")
  const order = readPaymentOrder(text)
  if (Result.isFailure(order)) return yield* Effect.fail(order.failure)
  const { reference, executeAt, debtor } = order.success
  return yield* readOrder(options, {
    reference,
    executeAt,
    drafts: withOwnReferences(order.success.drafts, (name) => name === UNNAMED),
    place: (index) => ({ item: index + 1 }),
    nameOfField: elementOfField,
    notes: [`paid from AtlasPay's accounts, whichever the file names for ${debtor}`],
  })
})

const readStandard18File = (text: string, options: ReadOptions): Reading => {
  const file = readStandard18(text)
  if (Result.isFailure(file)) return Effect.fail(file.failure)
  const { executeAt, drafts, lines } = file.success
  return readOrder(options, {
    executeAt,
    drafts: withOwnReferences(drafts, (name) => name !== ""),
    place: (index) => ({ line: lines[index] }),
    nameOfField: (field) => field?.split(".").at(-1),
    notes: [],
  })
}

/** A file that bank software writes: it is right as a whole, or refused as a whole. */
interface Order {
  readonly reference?: string
  /** RFC 3339. */
  readonly executeAt: string
  readonly drafts: ReadonlyArray<DraftItem>
  /** Where the draft of an index stands in the file. */
  readonly place: (index: number) => Pick<FileProblem, "line" | "item">
  /** What the file calls a field of an item. */
  readonly nameOfField: (field: string | undefined) => string | undefined
  readonly notes: ReadonlyArray<string>
}

const readOrder = Effect.fnUntraced(function* (options: ReadOptions, order: Order) {
  const { executeAt, drafts, place, nameOfField } = order
  if (drafts.length > ROWS_MAX) return yield* refused(`more than ${ROWS_MAX} payments`)
  const inWords = (index: number) => placeOf({ ...place(index), reason: "" }).slice(2)
  const checked = yield* checkDrafts(drafts, inWords)
  const problems = checked.flatMap((draft, index) =>
    Result.isSuccess(draft)
      ? []
      : draft.failure.map(({ field, detail }) => ({
          ...place(index),
          column: nameOfField(field),
          reason: detail,
        })),
  )
  if (problems.length > 0) return yield* Effect.fail(problems)
  const items = checked.flatMap((draft) => (Result.isSuccess(draft) ? [draft.success] : []))
  const notes = [`nothing is paid before ${executeAt}, the requested day`, ...order.notes]
  const terms = {
    executeAt: Date.parse(executeAt),
    ...(order.reference === undefined ? {} : { reference: order.reference }),
  }
  const placed: Placed = (item, field) => inJson(item, nameOfField(field))
  return batchOf(terms, items, options, { notes, sheet: undefined, placed })
})

const readTable = Effect.fnUntraced(function* (bytes: Buffer, options: ReadOptions) {
  const { text, encoding, assumed } = yield* textOf(bytes, options.encoding)
  if (isStandard18(text)) {
    const stray = onlyForSpreadsheets({ ...options, encoding: undefined })
    return stray === undefined
      ? yield* readStandard18File(text, options)
      : yield* refused(`${stray} is for spreadsheets`)
  }
  const table = readCsv(text)
  if (Result.isFailure(table)) return yield* Effect.fail([table.failure])
  const { decimal, thousands } = options
  const sheet = yield* readSpreadsheet(table.success, {
    ...(decimal === undefined ? {} : { decimal }),
    ...(thousands === undefined ? {} : { thousands }),
  })
  if (sheet.rejected.length > 0 && options.setsAside !== true)
    return yield* Effect.fail(sheet.rejected.flatMap(({ problems }) => problems))
  const note = `read as ${encoding}, as it is neither UTF-8 nor marked; if names look wrong, name its encoding with --encoding`
  return sheetBatch(sheet, options, assumed ? [note] : [])
})

const sheetBatch = (sheet: Spreadsheet, options: ReadOptions, notes: ReadonlyArray<string>): PayoutFile => {
  const lines = new Map(sheet.payable.map(({ row, item }) => [item.reference, row.line]))
  const items = sheet.payable.map(({ item }) => item)
  const placed: Placed = ({ reference }, field) => ({
    line: lines.get(reference),
    column: columnOfField(sheet.layout, field),
  })
  return batchOf({}, items, options, { notes, sheet, placed })
}

/** Where a field of an item stands in its file. */
type Placed = (
  item: RequestedItem,
  field: string | undefined,
) => Pick<FileProblem, "line" | "item" | "column">

/** The file's order may be another than the batch's, so an item is named as it is there: by its reference. */
const inJson: Placed = ({ reference }, field) => ({
  column: field === undefined ? reference : `${reference}, ${field}`,
})

/** What the service says against an item of a file, by the item's number in the batch. */
export interface ItemProblem {
  readonly item: number
  readonly field?: string | undefined
  readonly detail: string
}

/** What a service says against items, among all that it says against a request. */
export const problemsOfItems = (
  problems: ReadonlyArray<Partial<ItemProblem> & { readonly detail: string }>,
): ReadonlyArray<ItemProblem> =>
  problems.flatMap(({ item, field, detail }) => (item === undefined ? [] : [{ item, field, detail }]))

/** The file without the rows that the service refuses: they are rejected as well. */
export const withoutRefused = (
  { sheet, items, notes }: PayoutFile & { readonly sheet: Spreadsheet },
  problems: ReadonlyArray<ItemProblem>,
  options: ReadOptions,
): PayoutFile => {
  const said = Map.groupBy(problems, ({ item }) => items[item - 1]?.reference)
  const isRefused = ({ item }: Spreadsheet["payable"][number]) => said.has(item.reference)
  const refusedRows = sheet.payable
    .filter(isRefused)
    .map(({ row, item }): RejectedRow => rejectedRow(sheet.layout, row, said.get(item.reference) ?? []))
  const rejected = [...sheet.rejected, ...refusedRows].toSorted((a, b) => a.row.line - b.row.line)
  const payable = sheet.payable.filter((row) => !isRefused(row))
  return sheetBatch({ ...sheet, payable, rejected }, options, notes)
}

const batchOf = (
  terms: Terms,
  unordered: ReadonlyArray<RequestedItem>,
  { again }: ReadOptions,
  { placed, ...rest }: Pick<PayoutFile, "notes" | "sheet"> & { readonly placed: Placed },
): PayoutFile => {
  const items = inOrder(unordered)
  const key = contentKey(items)
  const named = again === undefined ? terms : { reference: referenceToPayAgain(again), ...terms }
  return {
    ...rest,
    items,
    placeOfItem: (number, field) => {
      const item = items[number - 1]
      return item === undefined ? "" : placeOf({ ...placed(item, field), reason: "" })
    },
    body: canonicalBody(named, items),
    contentKey: key,
    key: again === undefined ? key : keyToPayAgain(key, again),
  }
}

const invalid = (file: string, problems: ReadonlyArray<FileProblem>): InvalidPayoutFile =>
  new InvalidPayoutFile({
    file,
    problems: problems
      .slice(0, PROBLEMS_MAX)
      .map((problem) => ({ place: placeOf(problem), reason: problem.reason })),
  })
