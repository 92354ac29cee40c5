/**
 * What earlier releases made without a record of it, or with a record that has no checksum. They had one sequence for
 * the read models, and made every other table wherever it was missing.
 */

/** By the number of a migration: what is there once its statements have run. */
export type Traces = ReadonlyMap<number, { readonly table: string; readonly column?: string }>

/** The read models' migrations, which earlier releases recorded by name alone. */
export const RECORDED_BY_NAME = 5

export const traces: Traces = new Map([
  [6, { table: "instruction_register" }],
  [7, { table: "decision_register" }],
  [8, { table: "decision_register", column: "tellers" }],
  [9, { table: "file_orders" }],
  [10, { table: "file_order_words" }],
  [11, { table: "bank_file_log" }],
  [12, { table: "file_orders", column: "partner" }],
  [13, { table: "webhook_endpoints" }],
  [14, { table: "webhook_endpoints", column: "host" }],
  [15, { table: "announced_lists" }],
])
