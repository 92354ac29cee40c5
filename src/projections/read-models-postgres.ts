/**
 * Writes the read models. Rows and checkpoints are written by one statement, not a transaction: if a connection dies, the
 * driver may send the rest of a transaction over another connection.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { inSlices } from "../parsing/turns.ts"
import { arrayText, columnText } from "../platform/postgres-arrays.ts"
import { movesOf, stepsTaken } from "../streams/postgres-cursors.ts"
import type { ActRow, BatchRows, DayRow } from "./batch-rows.ts"
import { type ItemTexts, itemTexts, storedItems } from "./item-columns.ts"
import { PROJECTION, type ReadModelChange, ReadModels } from "./read-models.ts"
import { storable } from "./storable.ts"

export const layer = Layer.effect(
  ReadModels,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ReadModels.of({
      store: Effect.fn("ReadModels.store")(function* (changes) {
        const items = yield* inSlices(itemTexts(changes))
        return movesOf(changes, yield* query("store read models", storeChanges(changes, items)))
      }),
      shown: Effect.fn("ReadModels.shown")(function* (after, limit) {
        const rows = yield* query(
          "list what is shown",
          (sql) => sql<Array<{ readonly id: BatchId; readonly version: number; readonly updated_at: Date }>>`
            select id, version, updated_at from payout_batches where id > ${after} order by id limit ${limit}`,
        )
        return rows.map(({ id, version, updated_at }) => ({ id, version, updatedAt: updated_at.getTime() }))
      }),
      replace: Effect.fn("ReadModels.replace")(function* (id, rows) {
        // Each statement can be repeated. The batch's row comes last: until then a repair finds it out of date.
        for (const table of PARTS) {
          yield* query("remove rows", (sql) => sql`delete from ${sql(table)} where batch = ${id}`)
          const written = storable(partOf(table, rows))
          yield* query(
            "write rows",
            (sql) => sql`
              insert into ${sql(table)}
              select * from json_populate_recordset(null::${sql(table)}, ${written}::text::json)
              on conflict do nothing`,
          )
        }
        const batches = rows === undefined ? [] : [rows.batch]
        yield* query(
          "write a batch",
          (sql) => sql`
            with removed as (delete from payout_batches where id = ${id} and ${rows === undefined})
            insert into payout_batches
            select * from json_populate_recordset(null::payout_batches, ${storable(batches)}::text::json)
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

/** The tables beside that of the batches; their rows have the batch's id. */
const PARTS = ["payout_items", "payout_batch_days", "payout_acts"] as const

const partOf = (table: (typeof PARTS)[number], rows: BatchRows | undefined): ReadonlyArray<object> => {
  if (rows === undefined) return []
  if (table === "payout_items") return rows.items
  return table === "payout_batch_days" ? rows.days : rows.acts
}

/**
 * Rows are passed as arrays or JSON, so the statement's text is always the same and is prepared once. Items are many, and arrays
 * of their columns cost Postgres half as much as JSON.
 */
const storeChanges = (changes: ReadonlyArray<ReadModelChange>, items: ItemTexts) => (sql: Sql) => {
  const batches = changes.flatMap(({ partition, batches }) =>
    batches.map((batch) => ({ ...batch, partition })),
  )
  return sql<Array<{ readonly partition: number }>>`
    with ${stepsTaken(sql, PROJECTION, changes)},
    ${storedItems(sql, items)},
    ${storedDays(sql, changes)},
    ${storedActs(sql, changes)},
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

/** Days of a batch that changed: few, and none for most events. */
const storedDays = (sql: Sql, changes: ReadonlyArray<ReadModelChange>) => {
  const days = changes.flatMap(({ days }) => days)
  const partitions = changes.flatMap(({ partition, days }) => days.map(() => partition))
  const column = (of: (day: DayRow) => string | number) => columnText(days, of)
  return sql`
    stored_days as (
      insert into payout_batch_days (batch, day, currency, bank, state, code, partner, count, minor, version)
      select batch, day, currency, bank, state, code, partner, count, minor, version
      from unnest(
        ${arrayText(partitions)}::int[], ${column(({ batch }) => batch)}::text[],
        ${column(({ day }) => day)}::date[], ${column(({ currency }) => currency)}::text[],
        ${column(({ bank }) => bank)}::text[], ${column(({ state }) => state)}::text[],
        ${column(({ code }) => code)}::text[], ${column(({ partner }) => partner)}::text[],
        ${column(({ count }) => count)}::int[], ${column(({ minor }) => minor)}::numeric[],
        ${column(({ version }) => version)}::int[]
      ) as rows (partition, batch, day, currency, bank, state, code, partner, count, minor, version)
      where partition in (select partition from moved)
      on conflict (batch, day, currency, bank, state, code) do update set
        count = excluded.count, minor = excluded.minor, version = excluded.version
      where excluded.version > payout_batch_days.version
    )`
}

/** What people did. It never changes. */
const storedActs = (sql: Sql, changes: ReadonlyArray<ReadModelChange>) => {
  const acts = changes.flatMap(({ acts }) => acts)
  const partitions = changes.flatMap(({ partition, acts }) => acts.map(() => partition))
  const column = (of: (act: ActRow) => string | number | null) => columnText(acts, of)
  return sql`
    stored_acts as (
      insert into payout_acts (
        batch, version, partner, at, act, outcome, credential, name, item, items, reason, command
      )
      select batch, version, partner, at, act, outcome, credential, name, item, items, reason, command
      from unnest(
        ${arrayText(partitions)}::int[], ${column(({ batch }) => batch)}::text[],
        ${column(({ version }) => version)}::int[], ${column(({ partner }) => partner)}::text[],
        ${column(({ at }) => at)}::timestamptz[], ${column(({ act }) => act)}::text[],
        ${column(({ outcome }) => outcome)}::text[], ${column(({ credential }) => credential)}::text[],
        ${column(({ name }) => name)}::text[], ${column(({ item }) => item)}::int[],
        ${column(({ items }) => items)}::int[], ${column(({ reason }) => reason)}::text[],
        ${column(({ command }) => command)}::text[]
      ) as rows (
        partition, batch, version, partner, at, act, outcome, credential, name, item, items, reason, command
      ) where partition in (select partition from moved)
      on conflict (batch, version) do nothing
    )`
}
