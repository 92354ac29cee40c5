/** A payout batch from a file: JSON as the API takes it, CSV in our columns, or Wise's batch template. */
import { isUtf8 } from "node:buffer"
import { readFile, stat } from "node:fs/promises"
import { Effect, Result, Schema } from "effect"
import { CliError } from "effect/cli"
import { type RequestedItem, readBatchRequest } from "../http/payout-batches/payout-batch-request.ts"
import { type CsvRow, type FileProblem, readCsv } from "./csv-table.ts"
import { type CsvFormat, columnOfField, isProblem, payoutCsv, rowReader, wiseCsv } from "./payout-csv.ts"

const FILE_BYTES_MAX = 16 * 1024 * 1024
const PROBLEMS_MAX = 100
const PROBLEMS_SHOWN_MAX = 20

/** A file that passed every check: the request body to send, and its items. */
export interface PayoutFile {
  readonly body: string
  readonly items: ReadonlyArray<RequestedItem>
}

/** The file is not a valid payout batch, and nothing of it is sent. The message has one line each for the first 20 problems. */
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

/** Reads a file of at most 16 MiB. Its content determines its kind, not its name. */
export const readPayoutFile = Effect.fn("readPayoutFile")(function* (
  file: string,
): Effect.fn.Return<PayoutFile, InvalidPayoutFile> {
  const content = yield* Effect.tryPromise({
    try: () => load(file),
    catch: (error) => invalid(file, [{ reason: error instanceof Error ? error.message : String(error) }]),
  })
  if (!isUtf8(content)) return yield* invalid(file, [{ reason: "not UTF-8; save it as CSV UTF-8" }])
  return yield* /^[\s\uFEFF]*\{/.test(content.toString("utf8", 0, 1_024))
    ? readJson(file, content)
    : readRows(file, content.toString("utf8"))
})

const load = async (file: string): Promise<Buffer> => {
  const { size } = await stat(file)
  if (size > FILE_BYTES_MAX) throw new Error(`larger than ${FILE_BYTES_MAX} bytes`)
  return readFile(file)
}

const readJson = Effect.fnUntraced(function* (file: string, content: Buffer) {
  const body = content.toString("utf8").replace(/^\uFEFF/, "")
  const { items } = yield* readBatchRequest(Buffer.from(body)).pipe(
    Effect.mapError(({ problems }) =>
      invalid(
        file,
        problems.map(({ item, field, detail }) => ({ item, column: field, reason: detail })),
      ),
    ),
  )
  return { body, items }
})

const readRows = Effect.fnUntraced(function* (file: string, text: string) {
  const table = readCsv(text)
  if (Result.isFailure(table)) return yield* invalid(file, [table.failure])
  const [header, ...rows] = table.success
  const format = header === undefined ? undefined : formatOf(header)
  if (header === undefined || format === undefined) {
    const reason = `neither JSON nor CSV with the columns of ${formats.map(({ name }) => name).join(" or ")}`
    return yield* invalid(file, [{ line: header?.line, reason }])
  }
  if (rows.length === 0) return yield* invalid(file, [{ reason: "no rows below the header" }])
  return yield* readItems(file, format, header, rows)
})

const readItems = Effect.fnUntraced(function* (
  file: string,
  format: CsvFormat,
  header: CsvRow,
  rows: ReadonlyArray<CsvRow>,
) {
  const read = rowReader(format, header.cells)
  const results = rows.map((row) => ({ line: row.line, draft: read(row) }))
  const drafts = results.filter(({ draft }) => !isProblem(draft))
  const problems = results.flatMap(({ draft }) => (isProblem(draft) ? [draft] : []))
  const body = JSON.stringify({ items: drafts.map(({ draft }) => draft) })
  const checked = yield* Effect.result(readBatchRequest(Buffer.from(body)))
  if (Result.isFailure(checked) && drafts.length > 0) {
    for (const { item, field, detail } of checked.failure.problems) {
      const line = item === undefined ? undefined : drafts[item - 1]?.line
      problems.push({ line, column: columnOfField(format, field), reason: inRows(detail, drafts) })
    }
  }
  if (Result.isFailure(checked) || problems.length > 0) {
    return yield* invalid(
      file,
      problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    )
  }
  return { body, items: checked.success.items }
})

const formats = [payoutCsv, wiseCsv]

const formatOf = ({ cells }: CsvRow): CsvFormat | undefined => {
  const names = new Set(cells.map((cell) => cell.toLowerCase()))
  return formats.find(({ required }) => required.every((column) => names.has(column.toLowerCase())))
}

/** Problems name items; for a CSV file the line is shown instead. */
const inRows = (reason: string, drafts: ReadonlyArray<{ readonly line: number }>): string =>
  reason.replace(/\bitem (\d+)$/, (_, item) => `line ${drafts[Number(item) - 1]?.line}`)

const invalid = (file: string, problems: ReadonlyArray<FileProblem>): InvalidPayoutFile =>
  new InvalidPayoutFile({
    file,
    problems: problems
      .slice(0, PROBLEMS_MAX)
      .map((problem) => ({ place: placeOf(problem), reason: problem.reason })),
  })

const placeOf = ({ line, item, column }: FileProblem): string =>
  [
    ...(line === undefined ? [] : [`, line ${line}`]),
    ...(item === undefined ? [] : [`, item ${item}`]),
    ...(column === undefined ? [] : [`, ${column}`]),
  ].join("")
