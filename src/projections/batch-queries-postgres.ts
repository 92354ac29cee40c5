/** Queries over the tables `payout_batches`, `payout_items` and `bank_remarks`. Except for a search, each is one statement, so each answer is consistent. */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { ATTEMPTS_MAX, type BatchId, type ItemNumber, transferReference } from "../domain/identifiers.ts"
import { listBatches } from "./batch-list-postgres.ts"
import { BatchQueries, InvalidCursor, ITEMS_PER_PAGE_MAX, REMARKS_MAX } from "./batch-queries.ts"
import {
  type BatchRowRead,
  batchView,
  type ItemRowRead,
  itemView,
  page,
  pageSize,
  type RemarkRowRead,
  remarkView,
} from "./batch-views.ts"
import { searchItems } from "./item-search-postgres.ts"
import { itemsCursor, parseItemsCursor } from "./page-cursor.ts"
import { itemConditions } from "./search-conditions.ts"
import { filterText } from "./search-filter.ts"

export const layer = Layer.effect(
  BatchQueries,
  Effect.gen(function* () {
    const { query } = yield* Database
    return BatchQueries.of({
      batch: Effect.fn("BatchQueries.batch")(function* (partner, id) {
        const [row] = yield* query(
          "read batch",
          (sql) =>
            sql<Array<BatchRowRead>>`select * from payout_batches where id = ${id} and partner = ${partner}`,
        )
        return row === undefined ? undefined : batchView(row)
      }),

      batches: listBatches(query),

      items: Effect.fn("BatchQueries.items")(function* (partner, id, { cursor, limit, ...filter }) {
        const list = `items ${id} ${filterText(filter)}`
        const after = cursor === undefined ? 0 : parseItemsCursor(list, cursor)
        if (after === undefined) return yield* new InvalidCursor()
        const size = pageSize(limit, ITEMS_PER_PAGE_MAX)
        const rows = yield* query(
          "list items",
          (sql) => sql<Array<(ItemRowRead | { item: null }) & { batch_version: number }>>`
            select payout_items.*, payout_batches.version as batch_version
            from payout_batches
            left join lateral (
              select * from payout_items
              where batch = payout_batches.id and item > ${after}
                ${itemConditions(sql, filter)}
              order by item
              limit ${size + 1}
            ) payout_items on true
            where payout_batches.id = ${id} and payout_batches.partner = ${partner}
            order by payout_items.item`,
        )
        const version = rows[0]?.batch_version
        if (version === undefined) return undefined
        const items = rows.flatMap((row) => (row.item === null ? [] : [itemView(row)]))
        return { ...page(items, size, ({ item }) => itemsCursor(list, item)), version }
      }),

      item: Effect.fn("BatchQueries.item")(function* (partner, id, item) {
        const references = attemptsOf(id, item)
        const [row] = yield* query(
          "read item",
          (sql) => sql<Array<(ItemRowRead | { item: null }) & Beside>>`
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

      search: searchItems(query),

      wholeBatch: Effect.fn("BatchQueries.wholeBatch")(function* (partner, id) {
        const [row] = yield* query(
          "count items",
          (sql) => sql<Array<{ readonly item_count: number }>>`
            select item_count from payout_batches
            where id = ${id} and partner = ${partner}
              and exists (select from payout_items where batch = id and item = item_count)`,
        )
        return row?.item_count
      }),
    })
  }),
)

/** The references of all attempts that an item can have. */
const attemptsOf = (batch: BatchId, item: ItemNumber): Array<string> =>
  Array.from({ length: ATTEMPTS_MAX }, (_, index) => transferReference({ batch, item, attempt: index + 1 }))

/** What is read beside an item: of its batch, and of its banks. */
interface Beside {
  readonly item_count: number
  readonly remarks: ReadonlyArray<RemarkRowRead>
}
