/**
 * Tables that earlier releases created without a record, or with a record without a checksum. Those releases had a
 * sequence of migrations only for the read models, and created every other table if it was missing.
 */

/** By the number of a migration: the table or column that exists once it was applied. */
export type Traces = ReadonlyMap<number, { readonly table: string; readonly column?: string }>

/** The last migration of the read models: earlier releases recorded these by name only. */
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
