/** A difference between the read models and the logs, as it is reported: with its place, and nothing personal. */
import { createHash } from "node:crypto"
import type { RowDifference } from "./live-rows.ts"
import type { ReadModelRow, ReadModelTable } from "./read-model-tables.ts"

/**
 * `value`: a column has another value. `missing`: a row is not there. `extra`: a row should not be there. `behind`: a batch is shown
 * at a version although all that was appended after it was handled. `ahead`: a version or checkpoint that the log does not have.
 * `unreadable`: the log cannot be read or folded.
 */
export type DifferenceKind = "value" | "missing" | "extra" | "behind" | "ahead" | "unreadable"

/** An event of a log: the one that last changed a row, as the log has it. */
export interface NamedEvent {
  readonly version: number
  readonly type: string
}

export interface Difference {
  readonly kind: DifferenceKind
  readonly table: ReadModelTable | "projection_checkpoints" | "log"
  readonly batch?: string
  readonly item?: number
  /** What else tells the row from others of the batch. */
  readonly row?: string
  readonly column?: string
  /** By the log, and as it is stored. What may be personal is a length and the beginning of a digest. */
  readonly expected?: string
  readonly live?: string
  readonly event?: NamedEvent
}

/** Columns whose values say nothing about a person, and may be seen by whoever reads logs. */
const SHOWN = new Set([
  ...[
    "version",
    "item",
    "item_count",
    "state",
    "ledger",
    "bank",
    "attempt",
    "currency",
    "minor",
    "count",
    "day",
    "code",
  ],
  ...[
    "updated_at",
    "received_at",
    "closed_at",
    "execute_at",
    "requested_at",
    "concluded_at",
    "at",
    "head",
    "act",
    "outcome",
  ],
  ...["attempt_state", "attempt_code", "attempt_category", "totals", "items", "partner"],
])

/** The differences of a row, one for each column. `eventOf` gives the event that last changed an item, or the one of a version. */
export const differencesOf = (
  batch: string,
  { table, expected, live }: RowDifference,
  eventOf: (of: { readonly item: number } | { readonly version: number }) => NamedEvent | undefined,
): ReadonlyArray<Difference> => {
  const row = expected ?? live ?? {}
  const item = typeof row.item === "number" ? row.item : undefined
  const event =
    table === "payout_items" && item !== undefined
      ? eventOf({ item })
      : typeof expected?.version === "number"
        ? eventOf({ version: expected.version })
        : undefined
  const place = {
    table,
    batch,
    ...(item === undefined ? {} : { item }),
    ...(table === "payout_batch_days" ? { row: dayOf(row) } : {}),
    ...(table === "payout_acts" ? { row: `version ${row.version}` } : {}),
    ...(event === undefined ? {} : { event }),
  }
  if (live === undefined) return [{ kind: "missing", ...place }]
  if (expected === undefined) return [{ kind: "extra", ...place }]
  return Object.keys({ ...expected, ...live })
    .filter((column) => JSON.stringify(expected[column] ?? null) !== JSON.stringify(live[column] ?? null))
    .map((column) => ({
      kind: "value",
      ...place,
      column,
      expected: shownValue(column, expected[column]),
      live: shownValue(column, live[column]),
    }))
}

const dayOf = ({ day, currency, bank, state, code }: ReadModelRow): string =>
  [day, currency, bank, state, code].filter((part) => part !== "").join(" ")

const shownValue = (column: string, value: unknown): string => {
  if (value === null || value === undefined) return "nothing"
  const text = typeof value === "string" ? value : JSON.stringify(value)
  if (SHOWN.has(column)) return text.length <= 200 ? text : `${text.slice(0, 200)}…`
  return `${text.length} characters, SHA-256 ${createHash("sha256").update(text).digest("hex").slice(0, 8)}`
}
