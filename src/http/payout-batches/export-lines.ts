/**
 * Items as lines of a file. In CSV no cell begins a formula: an apostrophe before it makes it text (OWASP, CSV injection). Amounts,
 * numbers and times begin with digits, so they stay as they are.
 */
import type { BatchId } from "../../domain/identifiers.ts"
import { csvLine, harmlessCell } from "../../parsing/csv-cells.ts"
import type { FoundItem, ItemView } from "../../projections/batch-queries.ts"
import { exampleBatch } from "./shapes.ts"
import { shownFoundItem, shownItem } from "./shown-batch.ts"

/** A kind of file: what is before the items, a line for each, and what is after the last. */
export interface ExportForm {
  readonly mediaType: string
  readonly extension: string
  readonly head: string
  readonly line: (item: ExportedItem) => string
  readonly end: (count: number) => string
}

/** An item of a batch, and when the batch was received, if the list is of several batches. */
export type ExportedItem = ItemView & Pick<FoundItem, "batch"> & { readonly receivedAt?: number }

const columns = [
  "batch",
  "item",
  "reference",
  "state",
  "currency",
  "amount",
  "beneficiaryName",
  "account",
  "ledger",
  "bank",
  "attempt",
  "transferReference",
  "uetr",
  "transferId",
  "reason",
  "failureCategory",
  "clearance",
  "version",
  "receivedAt",
  "updatedAt",
] as const

/** RFC 4180 with a header: UTF-8, lines that end with CRLF. */
export const csv: ExportForm = {
  mediaType: "text/csv; charset=utf-8; header=present",
  extension: "csv",
  head: `${csvLine(columns, ",")}\r\n`,
  line: (item) => {
    const cells = cellsOf(item)
    return `${csvLine(
      columns.map((column) => textCell(String(cells[column] ?? ""))),
      ",",
    )}\r\n`
  },
  end: () => "",
}

/** A tab or a return at the beginning is as dangerous as what some spreadsheets find behind it. */
const textCell = (cell: string): string => (/^[\t\r]/.test(cell) ? `'${cell}` : harmlessCell(cell))

const cellsOf = (item: ExportedItem): Readonly<Record<(typeof columns)[number], unknown>> => {
  const { amount, beneficiary, failure, clearance, ...shown } = shownItem(item)
  return {
    ...shown,
    currency: amount.currency,
    amount: amount.value,
    beneficiaryName: beneficiary.name,
    account: beneficiary.account,
    batch: item.batch,
    bank: shown.bank,
    attempt: shown.attempt,
    transferReference: shown.transferReference,
    transferId: shown.transferId,
    uetr: "uetr" in shown ? shown.uetr : undefined,
    reason: shown.reason,
    failureCategory: failure?.category,
    clearance: clearance?.decision,
    receivedAt: item.receivedAt === undefined ? undefined : new Date(item.receivedAt).toISOString(),
  }
}

/** One JSON object for each item, and a last line that says how many there are: a file without it is not complete. */
export const ndjson: ExportForm = {
  mediaType: "application/x-ndjson",
  extension: "ndjson",
  head: "",
  line: (item) =>
    `${JSON.stringify(item.receivedAt === undefined ? ofBatch(item) : shownFoundItem({ ...item, receivedAt: item.receivedAt }))}\n`,
  end: (count) => `${JSON.stringify({ complete: true, count })}\n`,
}

/** A file with one item. */
export const exampleFile = ({ head, line, end }: ExportForm): string => head + line(exampleOfItem) + end(1)

const exampleOfItem: ExportedItem = {
  batch: exampleBatch.id,
  item: 1,
  reference: "invoice-4711",
  beneficiaryName: "Erika Mustermann",
  account: "iban …3000",
  currency: "EUR",
  amount: "12.34",
  state: "settled",
  ledger: "posted",
  bank: "north",
  transferReference: undefined,
  attempt: 1,
  reason: undefined,
  clearance: undefined,
  version: 11,
  updatedAt: 0,
}

const ofBatch = ({ batch, ...item }: ExportedItem): { readonly batch: BatchId } => ({
  batch,
  ...shownItem(item),
})
