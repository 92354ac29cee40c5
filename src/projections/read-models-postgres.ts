/**
 * Writes the read models. Rows and checkpoints are written by one statement, not a transaction: if a connection dies, the
 * driver may send the rest of a transaction over another connection.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { movesOf, stepsTaken } from "../streams/postgres-cursors.ts"
import type { ItemRow } from "./batch-rows.ts"
import { PROJECTION, type ReadModelChange, ReadModels } from "./read-models.ts"
import { storable } from "./storable.ts"

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
              head = excluded.head,
              updated_at = excluded.updated_at,
              closed_at = excluded.closed_at,
              execute_at = excluded.execute_at,
              approval = excluded.approval,
              expected_arrivals = excluded.expected_arrivals,
              totals = excluded.totals`,
        )
      }),
    })
  }),
)

/**
 * Rows are passed as arrays or JSON, so the statement's text is always the same and is prepared once. Items are many, and arrays
 * of their columns cost Postgres half as much as JSON.
 */
const storeChanges = (changes: ReadonlyArray<ReadModelChange>) => (sql: Sql) => {
  const items = changes.flatMap(({ items }) => items)
  const partitions = changes.flatMap(({ partition, items }) => items.map(() => partition))
  const batches = changes.flatMap(({ partition, batches }) =>
    batches.map((batch) => ({ ...batch, partition })),
  )
  const column = (of: (item: ItemRow) => string | number | null) => arrayText(items.map(of))
  return sql<Array<{ readonly partition: number }>>`
    with ${stepsTaken(sql, PROJECTION, changes)},
    stored_items as (
      insert into payout_items (
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id
      )
      select
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id
      from unnest(
        ${arrayText(partitions)}::int[], ${column(({ batch }) => batch)}::text[],
        ${column(({ item }) => item)}::int[], ${column(({ reference }) => reference)}::text[],
        ${column(({ beneficiary_name }) => beneficiary_name)}::text[],
        ${column(({ account_masked }) => account_masked)}::text[],
        ${column(({ currency }) => currency)}::text[], ${column(({ minor }) => minor)}::numeric[],
        ${column(({ state }) => state)}::text[], ${column(({ ledger }) => ledger)}::text[],
        ${column(({ bank }) => bank)}::text[],
        ${column(({ transfer_reference }) => transfer_reference)}::text[],
        ${column(({ attempt }) => attempt)}::int[], ${column(({ reason }) => reason)}::text[],
        ${column(({ version }) => version)}::int[], ${column(({ updated_at }) => updated_at)}::timestamptz[],
        ${column(({ clearance }) => clearance && storable(clearance))}::jsonb[],
        ${column(({ transfer_id }) => transfer_id)}::text[]
      ) as rows (
        partition, batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id
      ) where partition in (select partition from moved)
      on conflict (batch, item) do update set
        state = excluded.state,
        ledger = excluded.ledger,
        bank = excluded.bank,
        transfer_reference = excluded.transfer_reference,
        attempt = excluded.attempt,
        reason = excluded.reason,
        clearance = excluded.clearance,
        transfer_id = excluded.transfer_id,
        version = excluded.version,
        updated_at = excluded.updated_at
      where excluded.version > payout_items.version
    ),
    batches as (
      select * from json_to_recordset(${storable(batches)}::text::json) as rows (
        partition int, id text, partner text, reference text, idempotency_key text, state text, item_count int,
        version int, head text, received_at timestamptz, updated_at timestamptz, closed_at timestamptz, totals jsonb,
        execute_at timestamptz, duplicates jsonb, rejected_rows int, approval jsonb,
        expected_arrivals jsonb
      ) where partition in (select partition from moved)
    ),
    closed as (
      insert into closed_batches (batch, partition, version, head, closed_at)
      select id, partition, version, head, closed_at from batches where closed_at is not null
      on conflict (batch) do update set
        version = excluded.version, head = excluded.head, closed_at = excluded.closed_at
      where excluded.version > closed_batches.version
    ),
    stored_batches as (
      insert into payout_batches (
        id, partner, reference, idempotency_key, state, item_count, version, head, received_at, updated_at, closed_at,
        totals, execute_at, duplicates, rejected_rows, approval, expected_arrivals
      )
      select
        id, partner, reference, idempotency_key, state, item_count, version, head, received_at, updated_at, closed_at,
        totals, execute_at, duplicates, rejected_rows, approval, expected_arrivals
      from batches
      on conflict (id) do update set
        state = excluded.state,
        version = excluded.version,
        head = excluded.head,
        updated_at = excluded.updated_at,
        closed_at = excluded.closed_at,
        execute_at = excluded.execute_at,
        approval = excluded.approval,
        expected_arrivals = excluded.expected_arrivals,
        totals = excluded.totals
      where excluded.version > payout_batches.version
    )
    select partition from moved`
}
