/**
 * Rows of items, as the statement takes them that stores them. Events change many items of a batch in the same way. What such rows have
 * in common, their kind, is passed once, and each row has the number of its kind: half of the values for Postgres to read.
 */
import type { Sql } from "postgres"
import { type ColumnValue, columnText } from "../platform/postgres-arrays.ts"
import type { ItemRow } from "./batch-rows.ts"
import type { ReadModelChange } from "./read-models.ts"
import { storable } from "./storable.ts"

/** What many rows have in common. JSON is text here. */
interface Kind
  extends Readonly<
    Pick<
      ItemRow,
      | "batch"
      | "currency"
      | "state"
      | "ledger"
      | "bank"
      | "attempt"
      | "reason"
      | "attempt_state"
      | "attempt_code"
      | "attempt_category"
      | "requested_at"
    >
  > {
  readonly partition: number
  readonly number: number
  readonly clearance: string | null
  readonly earlier_attempts: string | null
}

interface KindOfRow {
  readonly row: ItemRow
  readonly kind: number
}

const KIND_COLUMNS: { readonly [name in keyof Kind]: (kind: Kind) => ColumnValue } = {
  partition: ({ partition }) => partition,
  number: ({ number }) => number,
  batch: ({ batch }) => batch,
  currency: ({ currency }) => currency,
  state: ({ state }) => state,
  ledger: ({ ledger }) => ledger,
  bank: ({ bank }) => bank,
  attempt: ({ attempt }) => attempt,
  reason: ({ reason }) => reason,
  attempt_state: ({ attempt_state }) => attempt_state,
  attempt_code: ({ attempt_code }) => attempt_code,
  attempt_category: ({ attempt_category }) => attempt_category,
  requested_at: ({ requested_at }) => requested_at,
  clearance: ({ clearance }) => clearance,
  earlier_attempts: ({ earlier_attempts }) => earlier_attempts,
}

/** The columns that a kind lacks. */
type OwnColumn = Exclude<keyof ItemRow, keyof Kind>

const OWN_COLUMNS: { readonly [name in OwnColumn | "kind"]: (of: KindOfRow) => ColumnValue } = {
  kind: ({ kind }) => kind,
  item: ({ row }) => row.item,
  reference: ({ row }) => row.reference,
  beneficiary_name: ({ row }) => row.beneficiary_name,
  account_masked: ({ row }) => row.account_masked,
  minor: ({ row }) => row.minor,
  transfer_reference: ({ row }) => row.transfer_reference,
  version: ({ row }) => row.version,
  updated_at: ({ row }) => row.updated_at,
  transfer_id: ({ row }) => row.transfer_id,
  concluded_at: ({ row }) => row.concluded_at,
}

/** A column as the text of an array, by its name. */
type Texts<Name extends string> = Readonly<Record<Name, string>>

export interface ItemTexts {
  readonly kinds: Texts<keyof Kind>
  readonly rows: Texts<OwnColumn | "kind">
}

/** Rows that are handled without a turn for other work. */
const ROWS_AT_ONCE = 1_000
/** A row is compared with so many kinds, the latest ones. Rows of a batch follow each other, and have few. */
const KINDS_LOOKED_AT = 16

/** The items of changes, column by column. */
export function* itemTexts(changes: ReadonlyArray<ReadModelChange>): Generator<void, ItemTexts> {
  const kinds: Array<Kind> = []
  const rows: Array<KindOfRow> = []
  for (const { partition, items } of changes)
    for (const row of items) {
      if (rows.length % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield
      rows.push({ row, kind: kindOf(kinds, partition, row) })
    }
  return { kinds: yield* columnTexts(KIND_COLUMNS, kinds), rows: yield* columnTexts(OWN_COLUMNS, rows) }
}

/** The number of the kind of a row, which is added if it is not among the latest ones. */
const kindOf = (kinds: Array<Kind>, partition: number, row: ItemRow): number => {
  const clearance = row.clearance && storable(row.clearance)
  const earlier = row.earlier_attempts && storable(row.earlier_attempts)
  for (let number = kinds.length - 1; number >= Math.max(0, kinds.length - KINDS_LOOKED_AT); number--) {
    const kind = kinds[number]
    if (kind !== undefined && isOf(kind, row, clearance, earlier)) return number
  }
  kinds.push({ ...row, partition, number: kinds.length, clearance, earlier_attempts: earlier })
  return kinds.length - 1
}

const isOf = (kind: Kind, row: ItemRow, clearance: string | null, earlier: string | null): boolean =>
  kind.state === row.state &&
  kind.batch === row.batch &&
  kind.attempt_state === row.attempt_state &&
  kind.requested_at === row.requested_at &&
  kind.ledger === row.ledger &&
  kind.bank === row.bank &&
  kind.currency === row.currency &&
  kind.attempt === row.attempt &&
  kind.reason === row.reason &&
  kind.attempt_code === row.attempt_code &&
  kind.attempt_category === row.attempt_category &&
  kind.clearance === clearance &&
  kind.earlier_attempts === earlier

function* columnTexts<Name extends string, Row>(
  columns: { readonly [name in Name]: (row: Row) => ColumnValue },
  rows: ReadonlyArray<Row>,
): Generator<void, Texts<Name>> {
  const texts: Partial<Record<Name, string>> = {}
  for (const name of Object.keys(columns) as Array<Name>) {
    if (rows.length > ROWS_AT_ONCE) yield
    texts[name] = columnText(rows, columns[name])
  }
  return texts as Texts<Name>
}

/**
 * The part of a statement that stores items, for a `with`, of the partitions in `moved`. The arrays are unnested where columns are
 * named: in a `from`, Postgres would write each of them down before it puts rows together.
 */
export const storedItems = (sql: Sql, { kinds, rows }: ItemTexts) => sql`
    kinds as (
      select
        unnest(${kinds.partition}::int[]) as partition, unnest(${kinds.batch}::text[]) as batch,
        unnest(${kinds.currency}::text[]) as currency, unnest(${kinds.state}::text[]) as state,
        unnest(${kinds.ledger}::text[]) as ledger, unnest(${kinds.bank}::text[]) as bank,
        unnest(${kinds.attempt}::int[]) as attempt, unnest(${kinds.reason}::text[]) as reason,
        unnest(${kinds.attempt_state}::text[]) as attempt_state, unnest(${kinds.attempt_code}::text[]) as attempt_code,
        unnest(${kinds.attempt_category}::text[]) as attempt_category,
        unnest(${kinds.requested_at}::timestamptz[]) as requested_at, unnest(${kinds.clearance}::jsonb[]) as clearance,
        unnest(${kinds.earlier_attempts}::jsonb[]) as earlier_attempts,
        unnest(${kinds.number}::int[]) as kind
    ), items as (
      select
        unnest(${rows.kind}::int[]) as kind, unnest(${rows.item}::int[]) as item,
        unnest(${rows.reference}::text[]) as reference, unnest(${rows.beneficiary_name}::text[]) as beneficiary_name,
        unnest(${rows.account_masked}::text[]) as account_masked, unnest(${rows.minor}::numeric[]) as minor,
        unnest(${rows.transfer_reference}::text[]) as transfer_reference, unnest(${rows.version}::int[]) as version,
        unnest(${rows.updated_at}::timestamptz[]) as updated_at, unnest(${rows.transfer_id}::text[]) as transfer_id,
        unnest(${rows.concluded_at}::timestamptz[]) as concluded_at
    ), stored_items as (
      insert into payout_items (
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id, attempt_state, attempt_code,
        attempt_category, requested_at, concluded_at, earlier_attempts
      )
      select
        batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, bank,
        transfer_reference, attempt, reason, version, updated_at, clearance, transfer_id, attempt_state, attempt_code,
        attempt_category, requested_at, concluded_at, earlier_attempts
      from items join kinds using (kind) where partition in (select partition from moved)
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
    )`
