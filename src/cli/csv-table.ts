import { CsvError, parse } from "csv-parse/sync"
import { Result } from "effect"

/** What is wrong with a file, and where. Lines and items count from 1. */
export interface FileProblem {
  readonly line?: number | undefined
  readonly item?: number | undefined
  readonly column?: string | undefined
  readonly reason: string
}

export interface CsvRow {
  /** The line on which the row begins, from 1. */
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

const RECORD_LENGTH_MAX = 64 * 1024

/**
 * Reads comma- or semicolon-separated values (RFC 4180; with or without a byte order mark, either line end, quoted
 * fields). Trims cells, and leaves out rows without content. The first row is the header.
 */
export const readCsv = (text: string): Result.Result<ReadonlyArray<CsvRow>, FileProblem> => {
  try {
    const rows: Array<CsvRow> = []
    parse(text, {
      bom: true,
      delimiter: delimiterOf(text),
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
      trim: true,
      max_record_size: RECORD_LENGTH_MAX,
      on_record: (cells, { lines }) => {
        rows.push({ line: lines - lineBreaksIn(cells), cells })
        return null
      },
    })
    return Result.succeed(rows)
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return Result.fail({
      line: typeof error.lines === "number" ? error.lines : undefined,
      reason: reasons[error.code] ?? "not comma-separated values",
    })
  }
}

/** Our own messages, because the parser's quote the cell, which may contain an account number. */
const reasons: Partial<Record<CsvError["code"], string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is opened and never closed",
  INVALID_OPENING_QUOTE: "a quote stands in the middle of a cell that is not quoted",
  CSV_INVALID_CLOSING_QUOTE: "a closing quote is followed by more text",
  CSV_MAX_RECORD_SIZE: `a row is longer than ${RECORD_LENGTH_MAX} characters`,
}

/** Spreadsheets write semicolons in countries in which the comma is the decimal separator. */
const delimiterOf = (text: string): string => {
  const header = text.slice(0, RECORD_LENGTH_MAX).split(/[\r\n]/, 1)[0] ?? ""
  return header.split(";").length > header.split(",").length ? ";" : ","
}

/** The number of line breaks inside quoted cells: the parser counts lines at the end of a row. */
const lineBreaksIn = (cells: ReadonlyArray<string>): number =>
  cells.reduce((breaks, cell) => breaks + cell.split(/\r\n|\r|\n/).length - 1, 0)
