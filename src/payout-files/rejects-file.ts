/**
 * The rows of a spreadsheet that cannot be paid, as a file for people to mend and submit: the columns and separator of the
 * original, and the reason behind them. It holds accounts, so only its owner can read it, and it never replaces a file.
 */
import { type FileHandle, open } from "node:fs/promises"
import { cellOf, csvLine, harmlessCell } from "../parsing/csv-cells.ts"
import { isRejected, REASON_COLUMN } from "./rejected-cells.ts"
import type { RejectedRow, Spreadsheet } from "./spreadsheet.ts"
import { columnKey, type Table } from "./table.ts"

const OWNER_ONLY = 0o600
/** Spreadsheets take a file without it for one in the code page of the machine. */
const BYTE_ORDER_MARK = "\uFEFF"

/** The text of the file: UTF-8 with its mark, CRLF at the ends of lines, no cell that a spreadsheet would compute. */
export const rejectsText = ({
  table,
  rejected,
}: {
  readonly table: Pick<Table, "header" | "delimiter">
  readonly rejected: Spreadsheet["rejected"]
}): string => {
  const width = table.header.cells.length
  const place = reasonPlace(table)
  const wasRejected = isRejected(table.header)
  const lines = [
    withReason(table.header.cells, REASON_COLUMN, place, width),
    ...rejected.map(({ row, problems }) => {
      const cells = wasRejected ? row.cells.map(cellOf) : row.cells
      return withReason(cells, reasonOf(problems), place, width)
    }),
  ]
  const rows = lines.map((cells) => csvLine(cells.map(harmlessCell), table.delimiter))
  return `${BYTE_ORDER_MARK}${rows.join("\r\n")}\r\n`
}

/** A file that was rejected before has the column, and its old reasons give way to the new ones. */
const reasonPlace = ({ header }: Pick<Table, "header">): number => {
  const place = header.cells.findIndex((name) => columnKey(name) === columnKey(REASON_COLUMN))
  return place < 0 ? header.cells.length : place
}

/** Cells beyond the header's stay behind the reason, where they are found again. */
const withReason = (
  cells: ReadonlyArray<string>,
  reason: string,
  place: number,
  width: number,
): ReadonlyArray<string> => {
  const filled = [...cells, ...Array.from({ length: Math.max(0, width - cells.length) }, () => "")]
  return place < width ? filled.with(place, reason) : filled.toSpliced(width, 0, reason)
}

export const reasonOf = (problems: RejectedRow["problems"]): string =>
  problems.map(({ column, reason }) => (column === undefined ? reason : `${column}: ${reason}`)).join("; ")

/** The file on its way to the disk: made when there is something to write, and written anew as more rows are refused. */
export class RejectsFile {
  readonly path: string
  #handle: FileHandle | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Replaces what this run has written. It fails where a file lies there that this run did not make. */
  async write(text: string): Promise<void> {
    this.#handle ??= await open(this.path, "wx", OWNER_ONLY)
    await this.#handle.truncate(0)
    await this.#handle.write(text, 0, "utf8")
    await this.#handle.sync()
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }
}
