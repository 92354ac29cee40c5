/** The tables of the read models, and the rows that a whole batch has in each of them. */
import type { BatchId } from "../domain/identifiers.ts"
import { rowsOf } from "./batch-rows.ts"
import type { ProjectedBatch } from "./projected-batch.ts"

/** In the order in which they are locked. The first one has a row for each batch. */
export const READ_MODEL_TABLES = [
  "payout_batches",
  "payout_items",
  "payout_batch_days",
  "payout_acts",
] as const

export type ReadModelTable = (typeof READ_MODEL_TABLES)[number]

/** A row as it is written: its values by the names of their columns. Values that are neither texts nor numbers are JSON. */
export type ReadModelRow = Readonly<Record<string, unknown>>

export type ReadModelRows = Readonly<Record<ReadModelTable, ReadonlyArray<ReadModelRow>>>

export const NO_ROWS: ReadModelRows = {
  payout_batches: [],
  payout_items: [],
  payout_batch_days: [],
  payout_acts: [],
}

/** All rows of a batch as its fold says; none if it has no event. */
export const readModelRows = (id: BatchId, fold: ProjectedBatch): ReadModelRows => {
  if (fold.batch.version === 0) return NO_ROWS
  const { batch, items, days, acts } = rowsOf(id, fold)
  return { payout_batches: [batch], payout_items: items, payout_batch_days: days, payout_acts: acts }
}
