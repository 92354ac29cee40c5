/** Lists a partner's batches, newest first. A page with a filter looks at a limited number of batches. */
import { Effect } from "effect"
import type { Database } from "../database/database.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import {
  BATCHES_PER_PAGE_MAX,
  type BatchView,
  InvalidCursor,
  type Page,
  type PageRequest,
} from "./batch-queries.ts"
import { type BatchRowRead, batchView, pageSize } from "./batch-views.ts"
import { type BatchPlace, batchesCursor, parseBatchesCursor } from "./page-cursor.ts"
import { batchConditions, receivedIn } from "./search-conditions.ts"
import { type BatchFilter, filterText } from "./search-filter.ts"

/** Batches that a page looks at. */
const WALKED_MAX = 5_000

type Row = (BatchRowRead | { readonly id: null }) & {
  readonly walked: number
  readonly last_id: BatchPlace["id"]
  readonly last_received_at: Date
}

/** A page of a partner's batches. */
export const listBatches = (query: Database["Service"]["query"]) =>
  Effect.fn("BatchQueries.batches")(function* (
    partner: PartnerId,
    { cursor, limit, ...filter }: PageRequest<BatchFilter>,
  ): Effect.fn.Return<Page<BatchView>, StoreUnavailable | InvalidCursor> {
    const list = `batches ${partner} ${filterText(filter)}`
    const after = cursor === undefined ? undefined : parseBatchesCursor(list, cursor)
    if (cursor !== undefined && after === undefined) return yield* new InvalidCursor()
    const size = pageSize(limit, BATCHES_PER_PAGE_MAX)
    const walkedMax = walkedAtOnce(filter, size)
    // An index leads to the batches in one state, so these alone are walked.
    const state = filter.state?.length === 1 ? filter.state[0] : undefined
    const rows = yield* query(
      "list batches",
      (sql) => sql<Array<Row>>`
        with walked as materialized (
          select * from payout_batches
          where partner = ${partner}
            ${state === undefined ? sql`` : sql`and state = ${state}`}
            ${receivedIn(sql, filter)}
            ${after === undefined ? sql`` : sql`and (received_at, id) < (${new Date(after.receivedAt)}, ${after.id})`}
          order by received_at desc, id desc
          limit ${walkedMax}
        ), last as (
          select id as last_id, received_at as last_received_at, (select count(*) from walked)::int as walked
          from walked order by received_at, id limit 1
        )
        select * from last left join lateral (
          select * from walked where true ${batchConditions(sql, filter)}
          order by received_at desc, id desc
          limit ${size + 1}
        ) found on true
        order by received_at desc, id desc`,
    )
    const found = rows.flatMap((row) => (row.id === null ? [] : [batchView(row)]))
    const entries = found.slice(0, size)
    const [end, last] = [rows[0], entries.at(-1)]
    let next: BatchPlace | undefined
    if (found.length > size) next = last
    else if (end?.walked === walkedMax) next = { id: end.last_id, receivedAt: end.last_received_at.getTime() }
    return { entries, next: next === undefined ? undefined : batchesCursor(list, next) }
  })

/** Without a filter that lets batches pass by, the next page begins after this one. */
const walkedAtOnce = ({ state, currency, amount, reference }: BatchFilter, size: number): number => {
  const isPlain =
    (state?.length ?? 1) === 1 && [currency, amount, reference].every((one) => one === undefined)
  return isPlain ? size + 1 : WALKED_MAX
}
