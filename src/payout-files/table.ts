/** Rows under a header, whatever file they come from. */
import { ITEMS_MAX } from "../http/payout-batches/payout-batch-request.ts"
import { type FileProblem, shownColumn } from "./file-problem.ts"

export interface Row {
  /** The line on which the row begins, or its number on the sheet, from 1. */
  readonly line: number
  /** Without white space at their ends. */
  readonly cells: ReadonlyArray<string>
}

export interface Table {
  readonly header: Row
  readonly rows: ReadonlyArray<Row>
  /** What separates the cells of a text file. */
  readonly delimiter: Delimiter
}

export const delimiters = [",", ";", "\t"] as const
export type Delimiter = (typeof delimiters)[number]

/** Rows of a file, its header left out. */
export const ROWS_MAX = ITEMS_MAX
export const COLUMNS_MAX = 256

/** Two names of columns are the same however they are capitalised. */
export const columnKey = (name: string): string => name.normalize("NFC").toLowerCase()

/** Where a row's cells stand, by the keys of their columns. */
export const placesIn = ({ cells }: Row): ReadonlyMap<string, number> =>
  new Map(cells.map((name, index) => [columnKey(name), index]))

/** What is wrong with the names of columns: a name that stands twice would hide a column. */
export const headerProblems = ({ line, cells }: Row): ReadonlyArray<FileProblem> => {
  if (cells.length > COLUMNS_MAX) return [{ line, reason: `more than ${COLUMNS_MAX} columns` }]
  const first = new Map<string, number>()
  return cells.flatMap((name, index) => {
    const key = columnKey(name)
    const before = first.get(key)
    if (before === undefined || name === "") {
      first.set(key, index)
      return []
    }
    const reason = `columns ${before + 1} and ${index + 1} have the same name; rename or remove one`
    return [{ line, column: shownColumn(name), reason }]
  })
}
