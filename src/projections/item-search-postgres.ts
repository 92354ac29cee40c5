/**
 * Searches items over all batches of a partner, without a tree for each filter: a tree costs on every write of every item, and
 * there are many more of these than searches.
 *
 * - Batches are walked from the newest one on. Those whose totals have no item in the wanted currency or state are skipped
 *   without a look at their items. A page looks at {@link ITEMS_LOOKED_AT_MAX} items and {@link WALKS} batches; if they do not fill
 *   it, it ends early, and its cursor continues there.
 * - An item's reference, the last four characters of its account, its exact amount, and what we or its bank call a transfer lead to
 *   the items themselves, unless many items have the same: then a walk finds some soon. Their indexes are hashes of sixteen pages
 *   each (BRIN), which cost next to nothing to write.
 *
 * The order never changes: the time at which a batch was received, its id and the number of an item are fixed. So pages repeat
 * nothing and skip nothing that was there when the first page was read, whatever is written meanwhile.
 */
import { Effect } from "effect"
import type { ISql } from "postgres"
import type { Database } from "../database/database.ts"
import { BatchId, type PartnerId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import {
  type FoundItem,
  InvalidCursor,
  ITEMS_PER_PAGE_MAX,
  type Page,
  type PageRequest,
} from "./batch-queries.ts"
import { type ItemRowRead, itemView, pageSize } from "./batch-views.ts"
import { type ItemPlace, parseSearchCursor, searchCursor } from "./page-cursor.ts"
import { isIndexed, itemConditions, mayHaveItems, receivedIn, transferNamed } from "./search-conditions.ts"
import { filterText, type ItemSearch } from "./search-filter.ts"

/** Batches in each step of a walk: most searches find something soon. */
const WALKS = [32, 256, 2_048] as const
/** Items of the batches that a page looks at; the last batch may be beyond it. */
const ITEMS_LOOKED_AT_MAX = 200_000
/** Items with one reference that are looked up. Of one that more have, a walk finds some soon. */
const LOOKED_UP_MAX = 1_000
/** After every item of a batch. */
const LAST_ITEM = 100_000
/** The two characters of a batch id that a UETR lacks have so many values. */
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

type Query = Database["Service"]["query"]

interface Walked {
  readonly id: BatchId
  readonly receivedAt: number
  /** How many items to look at: none if no item can be wanted, or not all of them are shown yet. */
  readonly weight: number
}

interface Key {
  readonly batch: string
  readonly item: number
}

type Row = ItemRowRead & { readonly batch: BatchId }

/** A page of the items of a partner. */
export const searchItems = (query: Query) =>
  Effect.fn("BatchQueries.search")(function* (
    partner: PartnerId,
    { cursor, limit, ...search }: PageRequest<ItemSearch>,
  ): Effect.fn.Return<Page<FoundItem>, StoreUnavailable | InvalidCursor> {
    const list = `search ${partner} ${filterText(search)}`
    const after = cursor === undefined ? undefined : parseSearchCursor(list, cursor)
    if (cursor !== undefined && after === undefined) return yield* new InvalidCursor()
    const size = pageSize(limit, ITEMS_PER_PAGE_MAX)
    const keys = yield* lookUp(query, partner, search)
    const found =
      keys === undefined
        ? yield* walk(query, partner, search, after, size)
        : { items: yield* among(query, partner, search, keys, after, size), next: undefined }
    const entries = found.items.slice(0, size)
    const last = entries.at(-1)
    const isFull = found.items.length > size && last !== undefined
    const next = isFull ? { receivedAt: last.receivedAt, id: last.batch, item: last.item } : found.next
    return { entries, next: next === undefined ? undefined : searchCursor(list, next) }
  })

/** The items that indexes lead to; `undefined` if the filter has nothing that they know, or something that many items have. */
const lookUp = Effect.fnUntraced(function* (query: Query, partner: PartnerId, search: ItemSearch) {
  const { providerReference } = search
  if (providerReference !== undefined) {
    const own = transferNamed(providerReference)
    if (own !== undefined) {
      const ids = [...alphabet].flatMap((one) => [...alphabet].map((two) => `pb_${one}${two}${own.batchEnd}`))
      const batches = yield* query(
        "find a transfer",
        (sql) => sql<Array<{ readonly id: string }>>`
          select id from payout_batches where partner = ${partner} and id = any (${arrayText(ids)}::text[])`,
      )
      // Otherwise it may be a bank's own id.
      if (batches.length > 0) return batches.map(({ id }) => ({ batch: id, item: own.item }))
    }
  }
  if (!isIndexed(search)) return undefined
  const keys = yield* query("find items", (sql) =>
    transaction(sql, "read only", (sql) => keysOf(sql, search)),
  )
  return keys.length > LOOKED_UP_MAX ? undefined : keys
})

/**
 * What is found by an index has no order. Where the planner knows that many items have it, it would rather read the table from its
 * begin until it found enough, which may be never. It is kept from that in this transaction, which only reads.
 */
const keysOf = async (sql: ISql, search: ItemSearch): Promise<ReadonlyArray<Key>> => {
  await sql`set local enable_seqscan = off`
  return sql<Array<Key>>`
    select batch, item from payout_items where true ${itemConditions(sql, search, true)} limit ${LOOKED_UP_MAX + 1}`
}

/** Those of some items that the search wants, one more than the page's size. */
const among = Effect.fnUntraced(function* (
  query: Query,
  partner: PartnerId,
  search: ItemSearch,
  keys: ReadonlyArray<Key>,
  after: ItemPlace | undefined,
  size: number,
) {
  if (keys.length === 0) return []
  const rows = yield* query(
    "search items",
    (sql) => sql<Array<Row & { readonly received_at: Date }>>`
      select payout_items.*, received_at
      from unnest(${arrayText(keys.map(({ batch }) => batch))}::text[], ${arrayText(keys.map(({ item }) => item))}::int[])
        as wanted (batch, item)
      join (select id, item_count, received_at, partner from payout_batches) batches on id = wanted.batch
      join lateral (
        select * from payout_items
        where batch = wanted.batch and item = wanted.item ${itemConditions(sql, search)}
      ) payout_items on true
      where partner = ${partner}
        ${receivedIn(sql, search)}
        and exists (select from payout_items last where last.batch = id and last.item = item_count)
        ${
          after === undefined
            ? sql``
            : sql`and ((received_at, id) < (${new Date(after.receivedAt)}, ${after.id})
                or (id = ${after.id} and payout_items.item > ${after.item}))`
        }
      order by received_at desc, id desc, payout_items.item
      limit ${size + 1}`,
  )
  return rows.map((row) => foundItem(row, row.received_at.getTime()))
})

/** Walks from batch to batch until the page is full, all were walked, or enough was looked at. */
const walk = Effect.fnUntraced(function* (
  query: Query,
  partner: PartnerId,
  search: ItemSearch,
  after: ItemPlace | undefined,
  size: number,
) {
  const items: Array<FoundItem> = []
  let place = after
  let left = ITEMS_LOOKED_AT_MAX
  for (const step of WALKS) {
    const batches = yield* batchesFrom(query, partner, search, place, step)
    const some = withinBudget(batches, left)
    left -= some.reduce((sum, { weight }) => sum + weight, 0)
    items.push(...(yield* itemsOf(query, partner, search, some, place, size + 1 - items.length)))
    const last = some.at(-1)
    if (items.length > size || last === undefined) return { items, next: undefined }
    if (some.length === batches.length && batches.length < step) return { items, next: undefined }
    place = { receivedAt: last.receivedAt, id: last.id, item: LAST_ITEM }
    if (left <= 0) break
  }
  return { items, next: place }
})

/** The first batches, up to the one with which the budget is used up. */
const withinBudget = (batches: ReadonlyArray<Walked>, budget: number): ReadonlyArray<Walked> => {
  let weight = 0
  const end = batches.findIndex((batch) => {
    weight += batch.weight
    return weight >= budget
  })
  return end < 0 ? batches : batches.slice(0, end + 1)
}

const batchesFrom = Effect.fnUntraced(function* (
  query: Query,
  partner: PartnerId,
  search: ItemSearch,
  from: ItemPlace | undefined,
  limit: number,
) {
  const rows = yield* query(
    "walk batches",
    (sql) => sql<Array<{ readonly id: BatchId; readonly received_at: Date; readonly weight: number }>>`
      select id, received_at, case when
          (select true from payout_items where batch = id and item = item_count) ${mayHaveItems(sql, search)}
        then item_count else 0 end as weight
      from payout_batches
      where partner = ${partner}
        ${receivedIn(sql, search)}
        ${from === undefined ? sql`` : sql`and (received_at, id) <= (${new Date(from.receivedAt)}, ${from.id})`}
      order by received_at desc, id desc
      limit ${limit}`,
  )
  return rows.map(
    ({ id, received_at, weight }): Walked => ({ id, receivedAt: received_at.getTime(), weight }),
  )
})

/** At most `limit` wanted items of some batches, in their order: batches are looked at one by one until there are so many. */
const itemsOf = Effect.fnUntraced(function* (
  query: Query,
  partner: PartnerId,
  search: ItemSearch,
  batches: ReadonlyArray<Walked>,
  after: ItemPlace | undefined,
  limit: number,
) {
  const ids = batches.flatMap(({ id, weight }) => (weight === 0 ? [] : [id]))
  if (ids.length === 0) return []
  const receivedAt = new Map(batches.map((batch) => [batch.id, batch.receivedAt]))
  const rows = yield* query(
    "search items",
    (sql) => sql<Array<Row>>`
      select payout_items.*
      from (
        select * from unnest(${arrayText(ids)}::text[]) with ordinality as walked (id, place) order by place
      ) walked
      cross join lateral (
        select * from payout_items
        where batch = id
          and item > case when id = ${after?.id ?? ""} then ${after?.item ?? 0} else 0 end
          and (select partner from payout_batches where payout_batches.id = walked.id) = ${partner}
          ${itemConditions(sql, search)}
        order by item
        limit ${limit}
      ) payout_items
      order by place, item
      limit ${limit}`,
  )
  return rows.map((row) => foundItem(row, receivedAt.get(row.batch) ?? 0))
})

const foundItem = (row: Row, receivedAt: number): FoundItem => ({
  ...itemView(row),
  batch: BatchId.make(row.batch),
  receivedAt,
})
