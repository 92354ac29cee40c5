/** Removes old deliveries and events in bounded steps. None of them reads a table from its begin. */
import { Effect } from "effect"
import type { Sql, TransactionSql } from "postgres"
import type { Database } from "../database/database.ts"
import { transaction } from "../platform/postgres-transaction.ts"

/** Rows that a statement removes, endpoints and events that it looks at, and statements of a round. */
const REMOVED_MAX = 1_000
const ENDPOINTS_MAX = 100
const STEPS_MAX = 500

/** Where the next round goes on that did not come to its end. */
export interface PruningPlace {
  endpoint: string
  event: { readonly receivedAt: string; readonly id: string } | undefined
}

export const pruningFromBegin = (): PruningPlace => ({ endpoint: "", event: undefined })

/**
 * Deliveries that were stored, and attempted last, before that: of some endpoints after another, by the index that lists use. Those that
 * are pending stay. What was given up without an attempt, because its endpoint was disabled, has no last one.
 */
export const removeDeliveries = (sql: Sql, after: string, ageMs: number) => sql<
  Array<{ readonly removed: number; readonly last: string | null; readonly looked: number }>
>`
  with endpoints as (
    select id from webhook_endpoints where id > ${after} order by id limit ${ENDPOINTS_MAX}
  ), old as (
    select delivery.place from endpoints
    cross join unnest(array['delivered', 'dead']) as states (state)
    cross join lateral (
      select ctid as place from webhook_deliveries
      where endpoint = endpoints.id and state = states.state
        and created_at < now() - ${ageMs} * interval '1 millisecond'
        and (last_attempt_at is null or last_attempt_at < now() - ${ageMs} * interval '1 millisecond')
      order by created_at, position
      limit ${REMOVED_MAX}
    ) as delivery
    limit ${REMOVED_MAX}
  ), removed as (
    -- By place, so that no plan reads the whole table for it. A row that was changed meanwhile is at another place, and stays.
    delete from webhook_deliveries where ctid = any (array (select place from old)) and state <> 'pending'
    returning 1
  )
  select (select count(*) from removed)::int as removed, (select max(id) from endpoints) as last,
    (select count(*) from endpoints)::int as looked`

/** The next events that came before that, in their order, as the index has them. */
export const oldEvents = (sql: Sql | TransactionSql, after: PruningPlace["event"], ageMs: number) => sql<
  Array<{ readonly id: string; readonly at: string }>
>`
  select id, received_at::text as at from webhook_events
  where (received_at, id) > (${after?.receivedAt ?? "-infinity"}::text::timestamptz, ${after?.id ?? ""})
    and received_at < now() - ${ageMs} * interval '1 millisecond'
  order by received_at, id limit ${REMOVED_MAX}`

/**
 * Old events without a delivery. The lock keeps others from adding one meanwhile: who tries waits, and stores the event anew. The second
 * statement sees what was added before the lock.
 */
const removeEvents = async (sql: TransactionSql, after: PruningPlace["event"], ageMs: number) => {
  const looked = await oldEvents(sql, after, ageMs)
  const ids = looked.map(({ id }) => id)
  const locked = await sql<Array<{ readonly id: string }>>`
    select id from webhook_events
    where id = any (${ids}::text[])
      and not exists (select from webhook_deliveries where event_id = webhook_events.id)
    for update skip locked`
  const removed = await sql`
    delete from webhook_events
    where id = any (${locked.map(({ id }) => id)}::text[])
      and not exists (select from webhook_deliveries where event_id = webhook_events.id)
    returning 1`
  const last = looked.at(-1)
  return {
    removed: removed.length,
    place:
      last === undefined || looked.length < REMOVED_MAX ? undefined : { receivedAt: last.at, id: last.id },
  }
}

/** One round, from `place`, which it moves: to the begin, if it came to its end. Gives how many rows it removed, and whether it came there. */
export const pruneOnce = Effect.fnUntraced(function* (
  query: Database["Service"]["query"],
  place: PruningPlace,
  ageMs: number,
) {
  const removed = { deliveries: 0, events: 0 }
  let isDone = false
  for (let step = 0; step < STEPS_MAX && !isDone; step += 1) {
    const [found] = yield* query("prune deliveries", (sql) => removeDeliveries(sql, place.endpoint, ageMs))
    removed.deliveries += found?.removed ?? 0
    if ((found?.removed ?? 0) >= REMOVED_MAX) continue
    isDone = found === undefined || found.looked < ENDPOINTS_MAX
    place.endpoint = isDone ? "" : (found?.last ?? "")
  }
  let areEventsDone = false
  for (let step = 0; step < STEPS_MAX && !areEventsDone; step += 1) {
    const found = yield* query("prune events", (sql) =>
      transaction(sql, "isolation level read committed", (sql) => removeEvents(sql, place.event, ageMs)),
    )
    removed.events += found.removed
    place.event = found.place
    areEventsDone = found.place === undefined
  }
  return { ...removed, isComplete: isDone && areEventsDone }
})
