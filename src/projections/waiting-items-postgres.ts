/**
 * Counts items that wait, in the read models. No index of items has their state: it would cost on every write of every item, most of
 * which pass through several states within seconds. So the open batches are looked at, whose totals have the counts. An index leads to
 * them, partner by partner and state by state, however many batches are closed.
 *
 * For the age, the items of those batches are read that were received first, a bounded number. `unknown` counts from when the attempt was
 * sent, as each inquiry without an answer changes the item; `screening` and `awaiting-approval` from the batch's receipt, so that a busy
 * service reads no item for them, and all others from the last change of the item.
 */
import { Effect } from "effect"
import type { ISql } from "postgres"
import type { Database } from "../database/database.ts"
import type { BatchState } from "../domain/batch.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { type Wait, type Waiting, waits } from "./waiting-items.ts"

/** The states of batches that are open, and in which an item may wait. */
const openStates = [
  "received",
  "screening",
  "awaiting-approval",
  "scheduled",
  "settling",
  "awaiting-funds",
] as const satisfies ReadonlyArray<BatchState>

/** Intake lets fewer batches be open. */
const BATCHES_MAX = 50_000
/** Items that are read for the age of each state; those of the first batch are read even if it has more. */
const ITEMS_READ_MAX = 20_000

interface Row {
  readonly wait: Wait
  readonly count: string
  readonly since: Date | null
}

/** Reads how many items wait in each state, and since when. */
export const waitingItems = (query: Database["Service"]["query"]) =>
  Effect.map(
    query("count the items that wait", (sql) => transaction(sql, "read only", counted)),
    (rows) =>
      waits.map((state): Waiting => {
        const row = rows.find(({ wait }) => wait === state)
        return { state, count: Number(row?.count ?? 0), since: row?.since?.getTime() }
      }),
  )

/**
 * Where the planner believes that many batches are open, it would rather read the tables from their begin. It is kept from that in this
 * transaction, and by `offset 0`, which keeps it from joining otherwise than batch by batch.
 */
const counted = async (sql: ISql): Promise<ReadonlyArray<Row>> => {
  await sql`set local enable_seqscan = off`
  return sql<Array<Row>>`
  with recursive partners (partner) as (
    (select partner from payout_batches order by partner limit 1)
    union all
    select next.partner from partners cross join lateral (
      select partner from payout_batches where partner > partners.partner order by partner limit 1
    ) as next
  ), open as (
    select batch.* from partners
    cross join unnest(${arrayText(openStates)}::text[]) as wanted (state)
    cross join lateral (
      select id, state, totals, item_count, received_at from payout_batches
      where partner = partners.partner and state = wanted.state
      offset 0
    ) as batch
    limit ${BATCHES_MAX}
  ), found as (
    select id, received_at, item_count, wait, sum(count) as count from (
      select id, received_at, item_count, key as wait, (value ->> 'count')::bigint as count
      from open, jsonb_each(totals) as of (currency, states), jsonb_each(states) where key in ('screening', 'unknown', 'parked', 'held')
      union all
      select id, received_at, item_count, 'awaiting-funds', (states -> 'cleared' ->> 'count')::bigint
      from open, jsonb_each(totals) as of (currency, states) where state = 'awaiting-funds' and states ? 'cleared'
      union all
      select id, received_at, item_count, 'awaiting-approval', item_count from open where state = 'awaiting-approval'
    ) as counts
    where count > 0
    group by id, received_at, item_count, wait
  ), first as (
    select *, sum(item_count) over (partition by wait order by received_at, id) - item_count as before from found
  ), ages as (
    select wait, min(since) as since from (
      select wait, received_at as since from found where wait in ('screening', 'awaiting-approval')
      union all
      select wait, case when wait = 'unknown' then coalesce(requested_at, updated_at) else updated_at end
      from first cross join lateral (
        select requested_at, updated_at from payout_items where batch = first.id
          and case when wait = 'awaiting-funds' then state = 'cleared' and ledger = 'none' else state = wait end
        offset 0
      ) as items
      where before < ${ITEMS_READ_MAX} and wait not in ('screening', 'awaiting-approval')
    ) as waiting
    group by wait
  )
  select wait, sum(count)::text as count, min(since) as since
  from found left join ages using (wait) group by wait`
}
