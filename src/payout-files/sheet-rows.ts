/** Rows of separated values as drafts, as they come: the first one is the header, or shows that there is none, and says which layout they are of. */
import type { Result } from "effect"
import { type DecimalNotation, notationProblem, plainNotation } from "./decimal-notation.ts"
import type { FileProblem } from "./file-problem.ts"
import type { Layout } from "./layout.ts"
import { layoutOf } from "./layouts.ts"
import { type DraftItem, rowReader } from "./payout-rows.ts"
import { type Delimiter, headerProblems, type Row } from "./table.ts"

/** What the header says of all rows. */
export interface SheetHead {
  /** That of the layout, where the file has none. */
  readonly header: Row
  /** The first payout, where it stands in the place of a header. */
  readonly first?: Row
  readonly delimiter: Delimiter
  readonly layout: Layout
}

type ReadRow = (row: Row) => Result.Result<DraftItem, FileProblem>

/** The head of a table, and how its rows are read; or what is wrong with the table as a whole. */
export const sheetHead = (
  header: Row,
  delimiter: Delimiter,
  asked: Partial<DecimalNotation>,
): { readonly head: SheetHead; readonly read: ReadRow } | ReadonlyArray<FileProblem> => {
  const layout = layoutOf(header)
  if (isProblems(layout)) return layout
  const { positions } = layout
  const isFirst = positions !== undefined && layout.firstRow?.(header.cells) === true
  const names = isFirst ? { line: header.line, cells: positions } : header
  const problems = headerProblems(names)
  if (problems.length > 0) return problems
  const notation = { ...(layout.notation ?? plainNotation), ...asked }
  const unclear = notationProblem(notation)
  if (unclear !== undefined) return [{ reason: unclear }]
  const head = { header: names, ...(isFirst ? { first: header } : {}), delimiter, layout }
  return { head, read: rowReader(layout, names, notation) }
}

export const isProblems = <A>(found: A | ReadonlyArray<FileProblem>): found is ReadonlyArray<FileProblem> =>
  Array.isArray(found)
