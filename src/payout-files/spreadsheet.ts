/** A table of payouts: rows that can be paid, and rows that cannot, with everything that is wrong with each. */
import { Effect, Result } from "effect"
import type { RequestedItem } from "../http/payout-batches/payout-batch-request.ts"
import type { DecimalNotation } from "./decimal-notation.ts"
import { checkDrafts } from "./draft-check.ts"
import type { FileProblem } from "./file-problem.ts"
import { withOwnReferences } from "./item-references.ts"
import type { Layout } from "./layout.ts"
import { columnOfField, type DraftItem } from "./payout-rows.ts"
import { isProblems, sheetHead } from "./sheet-rows.ts"
import type { Row, Table } from "./table.ts"

export interface Spreadsheet {
  readonly table: Table
  readonly layout: Layout
  readonly payable: ReadonlyArray<PayableRow>
  readonly rejected: ReadonlyArray<RejectedRow>
}

export interface PayableRow {
  readonly row: Row
  readonly item: RequestedItem
}

export interface RejectedRow {
  readonly row: Row
  readonly problems: ReadonlyArray<FileProblem>
}

/** Reads a table by the layout that its header is of. It fails where nothing can be said of single rows. */
export const readSpreadsheet = Effect.fnUntraced(function* (
  table: Table,
  asked: Partial<DecimalNotation>,
): Effect.fn.Return<Spreadsheet, ReadonlyArray<FileProblem>> {
  const { header, rows, delimiter } = table
  const found = sheetHead(header, delimiter, asked)
  if (isProblems(found)) return yield* Effect.fail(found)
  const { layout, first } = found.head
  const all = first === undefined ? rows : [first, ...rows]
  if (all.length === 0) return yield* Effect.fail([{ reason: NO_ROWS }])
  const read = all.map((row) => ({ row, draft: found.read(row) }))
  return { table: { ...table, header: found.head.header }, layout, ...(yield* checked(layout, read)) }
})

export const NO_ROWS = "no rows below the header"

interface ReadRow {
  readonly row: Row
  readonly draft: Result.Result<DraftItem, FileProblem>
}

const checked = Effect.fnUntraced(function* (layout: Layout, read: ReadonlyArray<ReadRow>) {
  const drafted = read.flatMap(({ row, draft }) =>
    Result.isSuccess(draft) ? [{ row, draft: draft.success }] : [],
  )
  const drafts = drafted.map(({ draft }) => draft)
  const named = layout.sharesReferences === true ? withOwnReferences(drafts, (name) => name !== "") : drafts
  const results = yield* checkDrafts(named, (index) => `line ${drafted[index]?.row.line}`)
  const rejected = read.flatMap(
    ({ row, draft }): ReadonlyArray<RejectedRow> =>
      Result.isFailure(draft) ? [{ row, problems: [draft.failure] }] : [],
  )
  const payable: Array<PayableRow> = []
  for (const [index, { row }] of drafted.entries()) {
    const result = results[index]
    if (result === undefined) continue
    if (Result.isSuccess(result)) payable.push({ row, item: result.success })
    else rejected.push(rejectedRow(layout, row, result.failure))
  }
  return { payable, rejected: rejected.toSorted((a, b) => a.row.line - b.row.line) }
})

/** A row with what the API, or the service, says against its item. */
export const rejectedRow = (
  layout: Layout,
  row: Row,
  problems: ReadonlyArray<{ readonly field?: string | undefined; readonly detail: string }>,
): RejectedRow => ({
  row,
  problems: problems.map(({ field, detail }) => ({
    line: row.line,
    column: columnOfField(layout, field),
    reason: detail,
  })),
})
