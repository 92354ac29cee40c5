/**
 * Cells and lines of files with separated values (RFC 4180). A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for
 * a formula and computes it, whoever wrote it (OWASP, CSV injection). An apostrophe before it makes it text, and is taken away
 * when the file is read.
 */

/** White space, and wide forms of the same characters, before which some spreadsheets do the same. */
const formula = /^[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]/

/** A cell that has such an apostrophe of its own gets another one: the first is the one that is taken away. */
const isMadeText = (cell: string): boolean => formula.test(cell.replace(/^'+/, ""))

export const harmlessCell = (cell: string): string => (isMadeText(cell) ? `'${cell}` : cell)

/** The cell as it was before it was made harmless. */
export const cellOf = (harmless: string): string =>
  harmless.startsWith("'") && isMadeText(harmless) ? harmless.slice(1) : harmless

/** One row as text: a cell is quoted where it would not be read back as it is. */
export const csvLine = (cells: ReadonlyArray<string>, delimiter: string): string =>
  cells
    .map((cell) =>
      cell.includes(delimiter) || /["\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
    )
    .join(delimiter)
