/**
 * Cells of the rows that were refused, as they are written to a file for people to mend. A spreadsheet takes a cell that
 * begins with `=`, `+`, `-` or `@` for a formula and computes it, whoever wrote it (OWASP, CSV injection). An apostrophe
 * before it makes it text, and is taken away when the mended file is read.
 */
import { columnKey, type Row } from "./table.ts"

/** The column behind all others that says why a row was refused. A file that has it is one of ours. */
export const REASON_COLUMN = "reject_reason"

/** White space, and wide forms of the same characters, before which some spreadsheets do the same. */
const formula = /^[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]/

/** A cell that has such an apostrophe of its own gets another one: the first is the one that is taken away. */
const isMadeText = (cell: string): boolean => formula.test(cell.replace(/^'+/, ""))

export const harmlessCell = (cell: string): string => (isMadeText(cell) ? `'${cell}` : cell)

/** The cell as it was before it was made harmless. */
export const cellOf = (harmless: string): string =>
  harmless.startsWith("'") && isMadeText(harmless) ? harmless.slice(1) : harmless

export const isRejected = ({ cells }: Row): boolean =>
  cells.some((name) => columnKey(name) === columnKey(REASON_COLUMN))
