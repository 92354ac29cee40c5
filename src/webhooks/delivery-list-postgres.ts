/** Pages of deliveries. Each is one statement that reads a bounded part of an index, whatever the list is narrowed to. */
import type { Sql } from "postgres"
import { type DeliveryPlace, deliveriesCursor } from "./delivery-cursor.ts"
import {
  type DeliveryFilter,
  type DeliveryPage,
  deliveryStates,
  type ListedDelivery,
} from "./delivery-log.ts"
import { NO_BATCH } from "./endpoint-notices.ts"

/** Deliveries that are read for a page of each endpoint and state, or events of a batch, if others are left out. */
const READ_MAX = 1_000
/** Greater than all places. The year 2100 in microseconds. */
const BEGIN: DeliveryPlace = { at: 4_102_444_800_000_000, position: Number.MAX_SAFE_INTEGER }

/** What is read of a delivery for a list. */
export interface ListedRow {
  readonly event_id: string
  readonly endpoint: string
  readonly type: string
  readonly batch: string | null
  readonly sequence: string | null
  readonly state: ListedDelivery["state"]
  readonly attempts: number
  readonly created_at: Date
  readonly next_attempt_at: Date
  readonly last_attempt_at: Date | null
  readonly last_duration_ms: number | null
  readonly last_status: number | null
  readonly last_error: string | null
}

/** A row of a page, or none, with the place behind which deliveries were not read, or none. */
type FoundRow = (ListedRow | { readonly event_id: null }) & {
  readonly at: string
  readonly position: string
  readonly floor_at: string | null
  readonly floor_position: string
}

/** Reads a page of the list that `list` names, of at most `limit` deliveries, after a place. */
export const pageOfDeliveries = async (
  sql: Sql,
  partner: string,
  filter: DeliveryFilter,
  list: string,
  after: DeliveryPlace | undefined,
  limit: number,
): Promise<DeliveryPage> => {
  const rows = await (filter.batch === undefined ? byTime : ofBatch)(
    sql,
    partner,
    filter,
    after ?? BEGIN,
    limit + 1,
  )
  const found = rows.flatMap((row) => (row.event_id === null ? [] : [row]))
  const last = found.length > limit ? found[limit - 1] : undefined
  const [first] = rows
  const end =
    last !== undefined
      ? { at: Number(last.at), position: Number(last.position) }
      : first === undefined || first.floor_at === null
        ? undefined
        : { at: Number(first.floor_at), position: Number(first.floor_position) }
  return {
    deliveries: found.slice(0, limit).map(listed),
    next: end === undefined ? undefined : deliveriesCursor(list, end),
  }
}

export const listed = (row: ListedRow): ListedDelivery => ({
  event: row.event_id,
  endpoint: row.endpoint,
  eventType: row.type,
  batch: row.batch === NO_BATCH || row.batch === null ? undefined : row.batch,
  sequence: row.batch === NO_BATCH || row.sequence === null ? undefined : Number(row.sequence),
  state: row.state,
  attempts: row.attempts,
  createdAt: row.created_at,
  nextAttemptAt: row.state === "pending" ? row.next_attempt_at : undefined,
  lastAttempt:
    row.last_attempt_at === null
      ? undefined
      : {
          at: row.last_attempt_at,
          durationMs: row.last_duration_ms ?? undefined,
          status: row.last_status ?? undefined,
          error: row.last_error ?? undefined,
        },
})

const TIME_MAX = Date.UTC(9999, 11, 31)

/** A time as Postgres reads it, which does not know how ECMAScript writes years of five digits. */
export const timeText = (at: number | undefined, otherwise: "-infinity" | "infinity" = "infinity"): string =>
  at === undefined ? otherwise : new Date(Math.min(at, TIME_MAX)).toISOString()

/**
 * Merges one list for each endpoint of the partner and each state. Where a list was not read to its end, the page ends at the last
 * delivery that was read of it, and nothing older is shown.
 */
export const byTime = (
  sql: Sql,
  partner: string,
  { endpoint, state, eventType, since, until }: DeliveryFilter,
  after: DeliveryPlace,
  limit: number,
) => sql<Array<FoundRow>>`
  with lists as (
    select webhook_endpoints.id as endpoint, states.state from webhook_endpoints
    cross join unnest(${state === undefined ? [...deliveryStates] : [state]}::text[]) as states (state)
    where partner = ${partner} ${endpoint === undefined ? sql`` : sql`and id = ${endpoint}`}
  ), read as (
    select one.*, count(*) over (partition by one.endpoint, one.state) as of_list from lists
    cross join lateral (
      select delivery.* from webhook_deliveries as delivery
      where delivery.endpoint = lists.endpoint and delivery.state = lists.state
        and delivery.created_at >= ${timeText(since, "-infinity")}::text::timestamptz
        and delivery.created_at < ${timeText(until, "infinity")}::text::timestamptz
        and (delivery.created_at, delivery.position)
          < ('epoch'::timestamptz + ${after.at}::bigint * interval '1 microsecond', ${after.position}::bigint)
      order by delivery.created_at desc, delivery.position desc
      limit ${eventType === undefined ? limit : READ_MAX}
    ) as one
  ), ends as (
    select distinct on (endpoint, state) created_at, position from read
    where of_list >= ${eventType === undefined ? limit : READ_MAX}
    order by endpoint, state, created_at, position
  ), floor as (
    select created_at, position from ends order by created_at desc, position desc limit 1
  ), found as (
    select read.*, event.type, event.batch as of_batch, event.sequence as of_sequence from read
    -- With the limit, each event is looked up by its key, however many the planner expects.
    cross join lateral (select * from webhook_events where id = read.event_id limit 1) as event
    where ${eventType === undefined ? sql`true` : sql`event.type = ${eventType}`}
      and not exists (select from floor where (read.created_at, read.position) < (floor.created_at, floor.position))
    order by read.created_at desc, read.position desc
    limit ${limit}
  )
  select ${listedColumns(sql)},
    (extract(epoch from found.created_at) * 1000000)::bigint::text as at, found.position::text as position,
    (extract(epoch from floor.created_at) * 1000000)::bigint::text as floor_at, floor.position::text as floor_position
  from (select) as one left join floor on true left join found on true
  order by found.created_at desc, found.position desc`

/** The deliveries of the last events of a batch, of which a bounded number is read. */
export const ofBatch = (
  sql: Sql,
  partner: string,
  { batch = "", endpoint, state, eventType, since, until }: DeliveryFilter,
  after: DeliveryPlace,
  limit: number,
) => sql<Array<FoundRow>>`
  with events as (
    select id, type, batch, sequence from webhook_events
    where batch = ${batch} and sequence <= ${after.at}::bigint and partner = ${partner}
    order by sequence desc
    limit ${READ_MAX}
  ), floor as (
    select min(sequence) as sequence from events having count(*) >= ${READ_MAX}
  ), found as (
    select delivery.*, events.type, events.batch as of_batch, events.sequence as of_sequence from events
    join webhook_endpoints on webhook_endpoints.partner = ${partner}
      ${endpoint === undefined ? sql`` : sql`and webhook_endpoints.id = ${endpoint}`}
    cross join lateral (
      select * from webhook_deliveries where event_id = events.id and endpoint = webhook_endpoints.id limit 1
    ) as delivery
    where (events.sequence, delivery.position) < (${after.at}::bigint, ${after.position}::bigint)
      ${state === undefined ? sql`` : sql`and delivery.state = ${state}`}
      ${eventType === undefined ? sql`` : sql`and events.type = ${eventType}`}
      and delivery.created_at >= ${timeText(since, "-infinity")}::text::timestamptz
      and delivery.created_at < ${timeText(until, "infinity")}::text::timestamptz
    order by events.sequence desc, delivery.position desc
    limit ${limit}
  )
  select ${listedColumns(sql)}, found.of_sequence::text as at, found.position::text as position,
    floor.sequence::text as floor_at, '0' as floor_position
  from (select) as one left join floor on true left join found on true
  order by found.of_sequence desc, found.position desc`

const listedColumns = (sql: Sql) => sql`
  found.event_id, found.endpoint, found.type, found.of_batch as batch, found.of_sequence::text as sequence, found.state,
  found.attempts, found.created_at, found.next_attempt_at, found.last_attempt_at, found.last_duration_ms, found.last_status,
  found.last_error`
