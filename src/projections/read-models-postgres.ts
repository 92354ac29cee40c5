/**
 * Writes the read models. Rows and checkpoints are written by one statement, not a transaction: if a connection dies, the
 * driver may send the rest of a transaction over another connection.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { inSlices } from "../parsing/turns.ts"
import { arrayText, type ColumnValue, columnText } from "../platform/postgres-arrays.ts"
import { movesOf, stepsTaken } from "../streams/postgres-cursors.ts"
import type { ActRow, BatchRows, DayRow, ItemRow } from "./batch-rows.ts"
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

/** The columns of items, as they are passed. */
const ITEM_COLUMNS: { readonly [name in keyof ItemRow]: (item: ItemRow) => ColumnValue } = {
  batch: ({ batch }) => batch,
  item: ({ item }) => item,
  reference: ({ reference }) => reference,
  beneficiary_name: ({ beneficiary_name }) => beneficiary_name,
  account_masked: ({ account_masked }) => account_masked,
  currency: ({ currency }) => currency,
  minor: ({ minor }) => minor,
  state: ({ state }) => state,
  ledger: ({ ledger }) => ledger,
  bank: ({ bank }) => bank,
  transfer_reference: ({ transfer_reference }) => transfer_reference,
  attempt: ({ attempt }) => attempt,
  reason: ({ reason }) => reason,
  version: ({ version }) => version,
  updated_at: ({ updated_at }) => updated_at,
  clearance: ({ clearance }) => clearance && storable(clearance),
  transfer_id: ({ transfer_id }) => transfer_id,
  attempt_state: ({ attempt_state }) => attempt_state,
  attempt_code: ({ attempt_code }) => attempt_code,
  attempt_category: ({ attempt_category }) => attempt_category,
  requested_at: ({ requested_at }) => requested_at,
  concluded_at: ({ concluded_at }) => concluded_at,
  earlier_attempts: ({ earlier_attempts }) => earlier_attempts && storable(earlier_attempts),
}

type ItemTexts = Readonly<Record<keyof ItemRow | "partition", string>>

/** Rows of which a column is written without a turn for other work. */
const WRITTEN_AT_ONCE = 1_000

/** The items of changes, column by column. */
function* itemTexts(changes: ReadonlyArray<ReadModelChange>): Generator<void, ItemTexts> {
  const items = changes.flatMap(({ items }) => items)
  const texts: Record<string, string> = {
    partition: arrayText(changes.flatMap(({ partition, items }) => items.map(() => partition))),
  }
  for (const [name, of] of Object.entries(ITEM_COLUMNS)) {
    if (items.length > WRITTEN_AT_ONCE) yield
    texts[name] = columnText(items, of)
  }
  return texts as ItemTexts
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
    stored_items as (
      insert into payout_items (
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id, attempt_state, attempt_code,
        attempt_category, requested_at, concluded_at, earlier_attempts
      )
      select
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id, attempt_state, attempt_code,
        attempt_category, requested_at, concluded_at, earlier_attempts
      from unnest(
        ${items.partition}::int[], ${items.batch}::text[],
        ${items.item}::int[], ${items.reference}::text[],
        ${items.beneficiary_name}::text[],
        ${items.account_masked}::text[],
        ${items.currency}::text[], ${items.minor}::numeric[],
        ${items.state}::text[], ${items.ledger}::text[],
        ${items.bank}::text[],
        ${items.transfer_reference}::text[],
        ${items.attempt}::int[], ${items.reason}::text[],
        ${items.version}::int[], ${items.updated_at}::timestamptz[],
        ${items.clearance}::jsonb[],
        ${items.transfer_id}::text[],
        ${items.attempt_state}::text[],
        ${items.attempt_code}::text[],
        ${items.attempt_category}::text[],
        ${items.requested_at}::timestamptz[],
        ${items.concluded_at}::timestamptz[],
        ${items.earlier_attempts}::jsonb[]
      ) as rows (
        partition, batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id, attempt_state, attempt_code,
        attempt_category, requested_at, concluded_at, earlier_attempts
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
        attempt_state = excluded.attempt_state,
        attempt_code = excluded.attempt_code,
        attempt_category = excluded.attempt_category,
        requested_at = excluded.requested_at,
        concluded_at = excluded.concluded_at,
        earlier_attempts = excluded.earlier_attempts,
        version = excluded.version,
        updated_at = excluded.updated_at
      where excluded.version > payout_items.version
    ),
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
