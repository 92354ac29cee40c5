/**
 * Compares rows in Postgres itself: what they should be goes there as JSON, and comes back only where it differs. So values are equal
 * if they are to Postgres, whatever their type.
 */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { DIFFERENCES_MAX, LiveRows, type RowDifference } from "./live-rows.ts"
import { READ_MODEL_TABLES, type ReadModelTable } from "./read-model-tables.ts"
import { storable } from "./storable.ts"

/** By which columns rows of a table are the same row. */
const KEYS: Readonly<Record<ReadModelTable, ReadonlyArray<string>>> = {
  payout_batches: ["id"],
  payout_items: ["batch", "item"],
  payout_batch_days: ["batch", "day", "currency", "bank", "state", "code"],
  payout_acts: ["batch", "version"],
}

/** Letters of ids, in the order of their codes (see the domain's identifiers). */
const DIGITS = "234567abcdefghijklmnopqrstuvwxyz"

interface Found {
  readonly table: ReadModelTable | "shown"
  readonly expected: RowDifference["expected"] | null
  readonly live: RowDifference["live"] | number | null
}

export const layer = Layer.effect(
  LiveRows,
  Effect.gen(function* () {
    const { query } = yield* Database
    return LiveRows.of({
      shown: Effect.fn("LiveRows.shown")(function* (batch) {
        const [row] = yield* query(
          "read a version",
          (sql) =>
            sql<Array<{ readonly version: number }>>`select version from payout_batches where id = ${batch}`,
        )
        return row?.version
      }),

      compare: Effect.fn("LiveRows.compare")(function* (batch, expected, { after, to }) {
        const found = yield* query(
          "compare rows",
          (sql) => sql<Array<Found>>`
            ${READ_MODEL_TABLES.map(
              (table) =>
                sql`(${differencesIn(sql, table, batch, storable(expected[table]), after, to)}) union all `,
            )}
            select 'shown', null, to_jsonb(version) from payout_batches where id = ${batch}`,
        )
        const shown = found.find(({ table }) => table === "shown")?.live
        return {
          shown: typeof shown === "number" ? shown : undefined,
          differences: found.flatMap(({ table, expected, live }) =>
            table === "shown" || typeof live === "number"
              ? []
              : [{ table, expected: expected ?? undefined, live: live ?? undefined }],
          ),
        }
      }),

      batches: Effect.fn("LiveRows.batches")(function* (table, after, limit) {
        const id = (sql: Sql) => sql(KEYS[table][0] ?? "batch")
        const rows = yield* query(
          "list batches",
          (sql) => sql<Array<{ readonly batch: BatchId }>>`
            select distinct ${id(sql)} as batch from ${sql(table)} where ${id(sql)} > ${after} order by 1 limit ${limit}`,
        )
        return rows.map(({ batch }) => batch)
      }),

      anyBatch: Effect.fn("LiveRows.anyBatch")(function* (itemsMax) {
        const from = `pb_${[...randomBytes(6)].map((byte) => DIGITS[byte % DIGITS.length]).join("")}`
        // Near the end of all ids the first ones follow.
        const [row] = yield* query(
          "choose a batch",
          (sql) => sql<Array<{ readonly id: BatchId; readonly item_count: number }>>`
            (select id, item_count from payout_batches where id > ${from} order by id limit 1)
            union all
            (select id, item_count from payout_batches order by id limit 1)
            limit 1`,
        )
        return row !== undefined && row.item_count <= itemsMax ? row.id : undefined
      }),
    })
  }),
)

const differencesIn = (
  sql: Sql,
  table: ReadModelTable,
  batch: BatchId,
  expected: string,
  after: number,
  to: number,
) => sql`
  select ${table}::text as table, to_jsonb(expected) as expected, to_jsonb(live) as live
  from json_populate_recordset(null::${sql(table)}, ${expected}::text::json) as expected
  full join (
    select * from ${sql(table)} where ${sql(KEYS[table][0] ?? "batch")} = ${batch}
    ${table === "payout_items" ? sql`and item > ${after} and item <= ${to}` : sql``}
  ) as live using (${sql(KEYS[table])})
  where to_jsonb(expected) is distinct from to_jsonb(live) limit ${DIFFERENCES_MAX}`
