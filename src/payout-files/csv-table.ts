/** Comma-, semicolon- or tab-separated values as a table. */
import { CsvError, type Parser, parse as parser } from "csv-parse"
import { parse } from "csv-parse/sync"
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
  const beginning = beginningOf(text)
  if (Result.isFailure(beginning)) return Result.fail(beginning.failure)
  const { delimiter, said, firstLine } = beginning.success
  const rows: Array<Row> = []
  const records = new Records(firstLine, (row) => rows.push(row))
  try {
    parse(text.slice(said), optionsFor(delimiter, records))
  } catch (error) {
    return Result.fail(problemOf(error, records.line))
  }
  const [header, ...others] = rows
  return header === undefined ? Result.fail(EMPTY) : Result.succeed({ header, rows: others, delimiter })
}

const EMPTY: FileProblem = { reason: "the file is empty" }

/** Excel writes and reads it; the separator may be quoted, and repeated where other columns are empty. */
const separatorLine = /^"?sep=([^\r\n"])"?[,;\t ]*(?:\r\n|\n|\r|$)/i

/** What the beginning of a text says of the rest. `said` is the length of the line in which it names the separator. */
const beginningOf = (
  text: string,
): Result.Result<{ delimiter: Delimiter; said: number; firstLine: number }, FileProblem> => {
  const [line = "", separator] = separatorLine.exec(text) ?? []
  const delimiter = delimiters.find((known) => known === separator) ?? delimiterOf(text.slice(line.length))
  return separator !== undefined && separator !== delimiter
    ? Result.fail({ line: 1, reason: "sep= names neither a comma, a semicolon nor a tab" })
    : Result.succeed({ delimiter, said: line.length, firstLine: line === "" ? 1 : 2 })
}

const optionsFor = (delimiter: Delimiter, records: Records) => ({
  delimiter,
  record_delimiter: ["\r\n", "\n", "\r"],
  relax_column_count: true,
  trim: true,
  max_record_size: RECORD_LENGTH_MAX,
  raw: true,
  on_record: (found: unknown): null => records.add(Object(found)),
})

/** Counts records as they come. A row's line is counted by the line breaks before it, those in quotes included. */
class Records {
  line: number
  #rows = 0
  #records = 0
  readonly #onRow: (row: Row) => void

  constructor(firstLine: number, onRow: (row: Row) => void) {
    this.line = firstLine
    this.#onRow = onRow
  }

  /** Gives nothing for the parser to keep. */
  add({ raw, record }: RawRecord): null {
    const cells = record.map((cell) => cell.trim())
    const hasContent = cells.some((cell) => cell !== "")
    if (hasContent) this.#rows += 1
    this.#records += 1
    if (this.#rows > ROWS_MAX + 1) throw new TooManyRows(`more than ${ROWS_MAX} rows`)
    if (this.#records > RECORDS_MAX)
      throw new TooManyRows(`more than ${RECORDS_MAX} rows with the empty ones; delete those`)
    if (hasContent) this.#onRow({ line: this.line, cells })
    this.line += lineBreaksIn(raw)
    return null
  }
}

const problemOf = (error: unknown, line: number): FileProblem => {
  if (error instanceof TooManyRows) return { reason: error.message }
  if (!(error instanceof CsvError)) throw error
  return { line, reason: reasons[error.code] ?? "not separated values" }
}

/**
 * The same for a text that comes in pieces: gives each row as soon as it is there, and keeps none. The first one is the header.
 * `onRow` must not throw.
 */
export class CsvRows {
  readonly #onRow: (row: Row, delimiter: Delimiter) => void
  /** What came before the separator is known. */
  #beginning = ""
  #records: Records | undefined
  #parser: Parser | undefined

  constructor(onRow: (row: Row, delimiter: Delimiter) => void) {
    this.#onRow = onRow
  }

  /** Takes a piece, and gives what keeps it from being read. */
  async take(text: string): Promise<FileProblem | undefined> {
    if (this.#parser !== undefined) return this.#write(this.#parser, text)
    this.#beginning += text
    return this.#beginning.length < RECORD_LENGTH_MAX ? undefined : this.#begin()
  }

  async end(): Promise<FileProblem | undefined> {
    const problem = this.#parser === undefined ? await this.#begin() : undefined
    const parser = this.#parser
    if (problem !== undefined || parser === undefined) return problem
    const ended = await new Promise<unknown>((resolve) => {
      parser.once("error", resolve).once("end", () => resolve(undefined))
      parser.end()
      parser.resume()
    })
    return ended === undefined ? undefined : problemOf(ended, this.#records?.line ?? 1)
  }

  /** Nobody wants the rest. */
  stop(): void {
    this.#parser?.destroy()
  }

  #begin(): FileProblem | undefined | Promise<FileProblem | undefined> {
    const text = this.#beginning
    this.#beginning = ""
    const beginning = beginningOf(text)
    if (Result.isFailure(beginning)) return beginning.failure
    const { delimiter, said, firstLine } = beginning.success
    if (text.trim() === "") return EMPTY
    const records = new Records(firstLine, (row) => this.#onRow(row, delimiter))
    this.#records = records
    // What is wrong is the answer to the write in which it is found.
    this.#parser = parser(optionsFor(delimiter, records)).on("error", () => {})
    return this.#write(this.#parser, text.slice(said))
  }

  #write(parser: Parser, text: string): Promise<FileProblem | undefined> {
    return new Promise((resolve, reject) => {
      parser.write(text, (error) => {
        try {
          resolve(error == null ? undefined : problemOf(error, this.#records?.line ?? 1))
        } catch (unknown) {
          reject(unknown)
        }
      })
    })
  }
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
