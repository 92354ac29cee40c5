/** Comma-, semicolon- or tab-separated values as a table. */
import { CsvError, parse } from "csv-parse/sync"
import { Result } from "effect"
import type { FileProblem } from "./file-problem.ts"
import { type Delimiter, delimiters, ROWS_MAX, type Row, type Table } from "./table.ts"

const RECORD_LENGTH_MAX = 64 * 1024
/** Rows with and without content. */
const RECORDS_MAX = 2 * ROWS_MAX

/**
 * Reads separated values (RFC 4180; either line end, quoted fields). Cells are trimmed; rows without any content are left
 * out. The first row is the header, after the line `sep=;` in which spreadsheets may name the separator.
 */
export const readCsv = (text: string): Result.Result<Table, FileProblem> => {
  const [said = "", separator] = separatorLine.exec(text) ?? []
  const rest = text.slice(said.length)
  const delimiter = delimiters.find((known) => known === separator) ?? delimiterOf(rest)
  if (separator !== undefined && separator !== delimiter)
    return Result.fail({ line: 1, reason: "sep= names neither a comma, a semicolon nor a tab" })
  return Result.flatMap(rowsOf(rest, delimiter, said === "" ? 1 : 2), ([header, ...rows]) =>
    header === undefined
      ? Result.fail({ reason: "the file is empty" })
      : Result.succeed({ header, rows, delimiter }),
  )
}

/** Excel writes and reads it; the separator may be quoted, and repeated where other columns are empty. */
const separatorLine = /^"?sep=([^\r\n"])"?[,;\t ]*(?:\r\n|\n|\r|$)/i

/** The rows with their lines. A row's line is counted by the line breaks before it, those in quotes included. */
const rowsOf = (
  text: string,
  delimiter: Delimiter,
  firstLine: number,
): Result.Result<ReadonlyArray<Row>, FileProblem> => {
  const rows: Array<Row> = []
  let line = firstLine
  let records = 0
  try {
    parse(text, {
      delimiter,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      trim: true,
      max_record_size: RECORD_LENGTH_MAX,
      raw: true,
      on_record: (found) => {
        const { raw, record }: RawRecord = Object(found)
        const cells = record.map((cell) => cell.trim())
        if (cells.some((cell) => cell !== "")) rows.push({ line, cells })
        records += 1
        if (rows.length > ROWS_MAX + 1) throw new TooManyRows(`more than ${ROWS_MAX} rows`)
        if (records > RECORDS_MAX)
          throw new TooManyRows(`more than ${RECORDS_MAX} rows with the empty ones; delete those`)
        line += lineBreaksIn(raw)
        return null
      },
    })
  } catch (error) {
    if (error instanceof TooManyRows) return Result.fail({ reason: error.message })
    if (!(error instanceof CsvError)) throw error
    return Result.fail({ line, reason: reasons[error.code] ?? "not separated values" })
  }
  return Result.succeed(rows)
}

/** Ends the parser before it has read the rest. */
class TooManyRows extends Error {}

/** A record as the parser hands it out with the option `raw`, which its types do not know. */
interface RawRecord {
  /** Up to the first character of the line end. */
  readonly raw: string
  readonly record: ReadonlyArray<string>
}

const lineBreaksIn = (raw: string): number => raw.match(/\r\n|\r|\n/g)?.length ?? 0

/** The parser's own messages quote the cell, which may hold an account number. */
const reasons: Partial<Record<CsvError["code"], string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is opened and never closed",
  INVALID_OPENING_QUOTE: "a quote stands in the middle of a cell that is not quoted",
  CSV_INVALID_CLOSING_QUOTE: "a closing quote is followed by more text",
  CSV_MAX_RECORD_SIZE: `a row is longer than ${RECORD_LENGTH_MAX} characters`,
}

/**
 * What separates the header's cells, outside of quotes. Spreadsheets write semicolons where the comma is the decimal
 * separator, and tabs as "Unicode text".
 */
const delimiterOf = (text: string): Delimiter => {
  const header =
    text
      .slice(0, RECORD_LENGTH_MAX)
      .trimStart()
      .replaceAll(/"[^"]*"/g, "")
      .split(/[\r\n]/, 1)[0] ?? ""
  const counted = delimiters.map((delimiter) => ({ delimiter, count: header.split(delimiter).length }))
  return counted.reduce((most, next) => (next.count > most.count ? next : most)).delimiter
}
