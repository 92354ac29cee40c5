/** Queries over the tables `payout_batches`, `payout_items` and `bank_remarks`. Each is one statement, so each answer is consistent. */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { type BankRemarkKind, readRemark } from "../domain/bank-remark.ts"
import type { BatchState, LedgerState } from "../domain/batch.ts"
import type { Duplicates } from "../domain/duplicates.ts"
import {
  ATTEMPTS_MAX,
  type BatchId,
  type ItemNumber,
  parseTransferReference,
  transferReference,
} from "../domain/identifiers.ts"
import type { PublicItemState } from "../domain/item-state.ts"
import { formatAmount } from "../domain/money.ts"
import {
  BATCHES_PER_PAGE_MAX,
  type BankRemarkView,
  BatchQueries,
  type BatchView,
  type ClearanceView,
  InvalidCursor,
  ITEMS_PER_PAGE_MAX,
  type ItemView,
  REMARKS_MAX,
  type Totals,
} from "./batch-queries.ts"
import type { StoredTotals } from "./batch-rows.ts"
import { batchesCursor, itemsCursor, parseBatchesCursor, parseItemsCursor } from "./page-cursor.ts"

export const layer = Layer.effect(
  BatchQueries,
  Effect.gen(function* () {
    const { query } = yield* Database
    return BatchQueries.of({
      batch: Effect.fn("BatchQueries.batch")(function* (partner, id) {
        const [row] = yield* query(
          "read batch",
          (sql) =>
            sql<Array<FoundBatch>>`select * from payout_batches where id = ${id} and partner = ${partner}`,
        )
        return row === undefined ? undefined : batchView(row)
      }),

      batches: Effect.fn("BatchQueries.batches")(function* (partner, { state, cursor, limit }) {
        const after = cursor === undefined ? undefined : parseBatchesCursor(cursor)
        if (cursor !== undefined && after === undefined) return yield* new InvalidCursor()
        const size = pageSize(limit, BATCHES_PER_PAGE_MAX)
        const rows = yield* query(
          "list batches",
          (sql) => sql<Array<FoundBatch>>`
            select * from payout_batches
            where partner = ${partner}
              ${state === undefined ? sql`` : sql`and state = ${state}`}
              ${after === undefined ? sql`` : sql`and (received_at, id) < (${new Date(after.receivedAt)}, ${after.id})`}
            order by received_at desc, id desc
            limit ${size + 1}`,
        )
        return page(rows.map(batchView), size, ({ receivedAt, id }) => batchesCursor(receivedAt, id))
      }),

      items: Effect.fn("BatchQueries.items")(function* (partner, id, { state, cursor, limit }) {
        const after = cursor === undefined ? 0 : parseItemsCursor(cursor)
        if (after === undefined) return yield* new InvalidCursor()
        const size = pageSize(limit, ITEMS_PER_PAGE_MAX)
        const rows = yield* query(
          "list items",
          (sql) => sql<Array<(FoundItem | { item: null }) & { batch_version: number }>>`
            select payout_items.*, payout_batches.version as batch_version
            from payout_batches
            left join lateral (
              select * from payout_items
              where batch = payout_batches.id and item > ${after}
                ${state === undefined ? sql`` : sql`and state = ${state}`}
              order by item
              limit ${size + 1}
            ) payout_items on true
            where payout_batches.id = ${id} and payout_batches.partner = ${partner}
            order by payout_items.item`,
        )
        const version = rows[0]?.batch_version
        if (version === undefined) return undefined
        const items = rows.flatMap((row) => (row.item === null ? [] : [itemView(row)]))
        return { ...page(items, size, ({ item }) => itemsCursor(item)), version }
      }),

      item: Effect.fn("BatchQueries.item")(function* (partner, id, item) {
        const references = attemptsOf(id, item)
        const [row] = yield* query(
          "read item",
          (sql) => sql<Array<(FoundItem | { item: null }) & Beside>>`
            select payout_items.*, payout_batches.item_count, array (
              select jsonb_build_object(
                'bank', bank, 'reference', reference, 'kind', kind, 'remark', remark, 'seenAt', min(seen_at))
              from bank_remarks where reference = any (${references})
              group by bank, reference, kind, remark
              order by min(seen_at), reference, kind, remark
              limit ${REMARKS_MAX}
            ) as remarks
            from payout_batches
            left join payout_items on payout_items.batch = payout_batches.id and payout_items.item = ${item}
            where payout_batches.id = ${id} and payout_batches.partner = ${partner}`,
        )
        if (row === undefined) return undefined
        // The rows of a large batch come in parts, the batch's own with the first of them.
        if (row.item === null) return item <= row.item_count ? undefined : "no such item"
        return { item: itemView(row), remarks: row.remarks.map(remarkView) }
      }),
    })
  }),
)

/** The references of all attempts that an item can have. */
const attemptsOf = (batch: BatchId, item: ItemNumber): Array<string> =>
  Array.from({ length: ATTEMPTS_MAX }, (_, index) => transferReference({ batch, item, attempt: index + 1 }))

const pageSize = (limit: number, max: number): number => Math.max(1, Math.min(Math.trunc(limit), max))

/** One entry more than the page's size was read: it shows that there is a next page. */
const page = <A>(found: ReadonlyArray<A>, size: number, cursorOf: (last: A) => string) => {
  const entries = found.slice(0, size)
  const last = entries.at(-1)
  return { entries, next: found.length > size && last !== undefined ? cursorOf(last) : undefined }
}

interface FoundBatch {
  readonly id: BatchId
  readonly reference: string | null
  readonly idempotency_key: string
  readonly state: BatchState
  readonly item_count: number
  readonly totals: StoredTotals
  readonly duplicates: Duplicates | null
  readonly version: number
  readonly received_at: Date
  readonly updated_at: Date
  readonly closed_at: Date | null
  readonly execute_at: Date | null
}

interface FoundItem {
  readonly item: number
  readonly reference: string
  readonly beneficiary_name: string
  readonly account_masked: string
  readonly currency: string
  readonly minor: string
  readonly state: PublicItemState
  readonly ledger: LedgerState
  readonly bank: string | null
  readonly transfer_reference: string | null
  readonly attempt: number | null
  readonly reason: string | null
  readonly version: number
  readonly updated_at: Date
  readonly clearance: ClearanceView | null
}

/** What is read beside an item: of its batch, and of its banks. */
interface Beside {
  readonly item_count: number
  readonly remarks: ReadonlyArray<FoundRemark>
}

interface FoundRemark {
  readonly bank: string
  readonly reference: string
  readonly kind: BankRemarkKind
  readonly remark: string
  readonly seenAt: string
}

const batchView = (row: FoundBatch): BatchView => ({
  id: row.id,
  reference: row.reference ?? undefined,
  idempotencyKey: row.idempotency_key,
  state: row.state,
  itemCount: row.item_count,
  totals: totals(row.totals),
  duplicates: row.duplicates ?? undefined,
  version: row.version,
  receivedAt: row.received_at.getTime(),
  updatedAt: row.updated_at.getTime(),
  closedAt: row.closed_at?.getTime(),
  executeAt: row.execute_at?.getTime(),
})

const totals = (stored: StoredTotals): Totals =>
  Object.fromEntries(
    Object.entries(stored).map(([currency, states]) => [
      currency,
      Object.fromEntries(
        Object.entries(states).map(([state, { count, minor }]) => [
          state,
          { count, amount: formatAmount(BigInt(minor), currency) },
        ]),
      ),
    ]),
  )

const itemView = (row: FoundItem): ItemView => ({
  item: row.item,
  reference: row.reference,
  beneficiaryName: row.beneficiary_name,
  account: row.account_masked,
  currency: row.currency,
  amount: formatAmount(BigInt(row.minor), row.currency),
  state: row.state,
  ledger: row.ledger,
  bank: row.bank ?? undefined,
  transferReference: row.transfer_reference ?? undefined,
  attempt: row.attempt ?? undefined,
  reason: row.reason ?? undefined,
  clearance: row.clearance ?? undefined,
  version: row.version,
  updatedAt: row.updated_at.getTime(),
})

const remarkView = ({ bank, reference, kind, remark, seenAt }: FoundRemark): BankRemarkView => ({
  ...readRemark(kind, remark),
  bank,
  attempt: parseTransferReference(reference)?.attempt ?? 0,
  seenAt: Date.parse(seenAt),
})
