/**
 * Writes the read models. Rows and checkpoints are written by one statement, not a transaction: if a connection dies, the
 * driver may send the rest of a transaction over another connection.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { movesOf, stepsTaken } from "../streams/cursor-store-postgres.ts"
import { PROJECTION, type ReadModelChange, ReadModels } from "./read-models.ts"

export const layer = Layer.effect(
  ReadModels,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ReadModels.of({
      store: Effect.fn("ReadModels.store")(function* (changes) {
        return movesOf(changes, yield* query("store read models", storeChanges(changes)))
      }),
      shown: Effect.fn("ReadModels.shown")(function* (after, limit) {
        const rows = yield* query(
          "list what is shown",
          (sql) => sql<Array<{ readonly id: BatchId; readonly version: number; readonly updated_at: Date }>>`
            select id, version, updated_at from payout_batches where id > ${after} order by id limit ${limit}`,
        )
        return rows.map(({ id, version, updated_at }) => ({ id, version, updatedAt: updated_at.getTime() }))
      }),
      replace: Effect.fn("ReadModels.replace")(function* (id, batch, items) {
        // Each statement can be repeated. The batch's row comes last: until then a repair finds it out of date.
        yield* query("remove items", (sql) => sql`delete from payout_items where batch = ${id}`)
        yield* query(
          "write items",
          (sql) => sql`
            insert into payout_items
            select * from json_populate_recordset(null::payout_items, ${storable(items)}::text::json)`,
        )
        yield* query(
          "write a batch",
          (sql) => sql`
            with removed as (delete from payout_batches where id = ${id} and ${batch === undefined})
            insert into payout_batches
            select * from json_populate_recordset(null::payout_batches, ${storable(batch === undefined ? [] : [batch])}::text::json)
            on conflict (id) do update set
              state = excluded.state,
              version = excluded.version,
              updated_at = excluded.updated_at,
              closed_at = excluded.closed_at,
              execute_at = excluded.execute_at,
              totals = excluded.totals`,
        )
      }),
    })
  }),
)

/** Rows are passed as JSON for each partition, so the statement's text is always the same and is prepared once. */
const storeChanges = (changes: ReadonlyArray<ReadModelChange>) => (sql: Sql) =>
  sql<Array<{ readonly partition: number }>>`
    with ${stepsTaken(sql, PROJECTION, changes)},
    changed as (
      select * from unnest(
        ${changes.map(({ partition }) => partition)}::int[], ${changes.map(({ items }) => storable(items))}::text[],
        ${changes.map(({ batches }) => storable(batches))}::text[]
      ) as changed (partition, items, batches) join moved using (partition)
    ),
    stored_items as (
      insert into payout_items
      select item.* from changed, json_populate_recordset(null::payout_items, items::json) as item
      on conflict (batch, item) do update set
        state = excluded.state,
        ledger = excluded.ledger,
        bank = excluded.bank,
        transfer_reference = excluded.transfer_reference,
        attempt = excluded.attempt,
        reason = excluded.reason,
        clearance = excluded.clearance,
        version = excluded.version,
        updated_at = excluded.updated_at
      where excluded.version > payout_items.version
    ),
    stored_batches as (
      insert into payout_batches
      select batch.* from changed, json_populate_recordset(null::payout_batches, batches::json) as batch
      on conflict (id) do update set
        state = excluded.state,
        version = excluded.version,
        updated_at = excluded.updated_at,
        closed_at = excluded.closed_at,
        execute_at = excluded.execute_at,
        totals = excluded.totals
      where excluded.version > payout_batches.version
    )
    select partition from moved`

/** Rows as JSON that Postgres accepts: without NUL and unpaired surrogates, which a bank's code may contain. */
const storable = (rows: ReadonlyArray<object>): string =>
  JSON.stringify(rows, (_, value) =>
    typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\uFFFD") : value,
  )
