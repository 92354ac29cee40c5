/**
 * Claims for endpoints that are ordered or have a limit of their rate. Other endpoints never come here, and pay nothing for it.
 *
 * An ordered endpoint gets the deliveries of a batch one after the other, by their sequence. What is pending holds back what is
 * behind it in its batch, whether it waits, is claimed, or is to be retried. So does an event that has not come yet: sequences have
 * no gaps, and `webhook_batches` has those that came while the partner had an ordered endpoint. One claim may take several
 * deliveries of a batch in a row: then their process sends them one by one, and gives the rest back if one does not arrive. Whoever
 * claims holds the lock of the first pending delivery of the batch, so that two processes never claim of one batch at a time.
 */
import type { Fragment, Sql } from "postgres"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { BatchGap, PacedEndpoint } from "./deliveries.ts"
import { liveSecrets } from "./live-secrets-postgres.ts"

/** A limit of N a second may be exceeded by so much of N, rounded up, in any second. */
const BURST_OF_RATE = 0.1
/** No burst is more than that of one second. What seems to be used up for longer is from before the clock was set back. */
const USED_AHEAD_S_MAX = 2

/** How often an ordered endpoint is looked at for deliveries that are not in order yet, or so many times as long as a look takes. Milliseconds. */
const PUT_IN_ORDER_MS = 5_000
const PUT_IN_ORDER_PER_LOOK = 20
/** Deliveries that one look puts in order. While there are more, nothing is claimed for the endpoint. */
export const PUT_IN_ORDER_MAX = 10_000
/** Batches of an ordered endpoint that one claim looks at. The next one goes on behind them. */
export const BATCHES_PER_CLAIM_MAX = 1_000
const ENDPOINTS_REMEMBERED_MAX = 1_024

/**
 * Claims for paced endpoints. `claimLimited` claims for those that are not ordered. Also gives after how many milliseconds the limit
 * of an endpoint lets another attempt begin, unless it was not used up.
 */
export const pacedClaims = <Row extends object & { readonly endpoint: string }>() => {
  const inOrderUntil = new Map<string, number>()
  const places = new Map<string, string>()
  return async (
    sql: Sql,
    endpoints: ReadonlyArray<PacedEndpoint>,
    leaseMs: number,
    claimLimited: (allotted: ReadonlyMap<string, number>) => PromiseLike<ReadonlyArray<Row>>,
  ) => {
    const limited = endpoints.filter(({ limited }) => limited)
    const reserved = limited.length === 0 ? [] : await reserve(sql, limited)
    const granted = new Map(reserved.map(({ endpoint, granted }) => [endpoint, granted]))
    const some = endpoints
      .map((one) => (one.limited ? { ...one, most: granted.get(one.endpoint) ?? 0 } : one))
      .filter(({ most }) => most > 0)
    const ordered = some.filter(({ ordered }) => ordered)
    const others = new Map(
      some.filter(({ ordered }) => !ordered).map(({ endpoint, most }) => [endpoint, most]),
    )
    const rows: Array<Row> = []
    if (others.size > 0) rows.push(...(await claimLimited(others)))
    if (ordered.length > 0) {
      const ready = await thoseInOrder(sql, ordered, inOrderUntil)
      if (ready.length > 0) rows.push(...(await claimFrom<Row>(sql, ready, leaseMs, places)))
    }
    const unused = new Map(granted)
    for (const { endpoint } of rows) unused.set(endpoint, (unused.get(endpoint) ?? 0) - 1)
    for (const [endpoint, count] of unused) if (count <= 0) unused.delete(endpoint)
    if (unused.size > 0) await giveBack(sql, unused)
    const readyInMs = new Map(
      reserved.filter(({ endpoint }) => !unused.has(endpoint)).map((row) => [row.endpoint, row.ready_in_ms]),
    )
    return { rows, readyInMs }
  }
}

/** Puts deliveries in order, and gives the endpoints of which all are. */
const thoseInOrder = async (
  sql: Sql,
  endpoints: ReadonlyArray<PacedEndpoint>,
  until: Map<string, number>,
): Promise<ReadonlyArray<PacedEndpoint>> => {
  const beganAt = performance.now()
  const isInOrder = ({ endpoint }: PacedEndpoint) => (until.get(endpoint) ?? 0) > beganAt
  const some = endpoints.filter((one) => !isInOrder(one)).map(({ endpoint }) => endpoint)
  if (some.length === 0) return endpoints
  const { count } = await putInOrder(sql, some)
  if (count >= PUT_IN_ORDER_MAX) return endpoints.filter(isInOrder)
  const now = performance.now()
  const next = now + Math.max(PUT_IN_ORDER_MS, PUT_IN_ORDER_PER_LOOK * (now - beganAt))
  if (until.size + some.length > ENDPOINTS_REMEMBERED_MAX) until.clear()
  for (const endpoint of some) until.set(endpoint, next)
  return endpoints
}

/** Goes on at the place in each endpoint's batches to which the last claim came, and begins anew behind the last batch. */
const claimFrom = async <Row extends object & { readonly endpoint: string }>(
  sql: Sql,
  endpoints: ReadonlyArray<PacedEndpoint>,
  leaseMs: number,
  places: Map<string, string>,
): Promise<ReadonlyArray<Row>> => {
  const found = await claimInOrder<Row>(sql, endpoints, leaseMs, places)
  for (const { endpoint } of endpoints) places.delete(endpoint)
  if (places.size > ENDPOINTS_REMEMBERED_MAX) places.clear()
  for (const { looked_at, looked, last } of found)
    if (looked >= BATCHES_PER_CLAIM_MAX) places.set(looked_at, last)
  return found.filter((row) => row.place !== null)
}

interface ReservedRow {
  readonly endpoint: string
  readonly granted: number
  readonly ready_in_ms: number
}

/**
 * Reserves attempts within the endpoints' limits, for all processes (GCRA, ITU-T I.371, as a count). Gives how many may begin, and
 * after how long the next one may. An endpoint that another process reserves for at this moment is missing.
 */
const reserve = (sql: Sql, endpoints: ReadonlyArray<PacedEndpoint>) => sql<Array<ReservedRow>>`
  with wanted as (
    select id as endpoint, most, rate_limit, ceil(rate_limit * ${BURST_OF_RATE}::float8) as burst,
      case when rate_used_until between now() and now() + ${USED_AHEAD_S_MAX} * interval '1 second' then rate_used_until
        else now() end as used_until
    from ${asked(sql, endpoints)} join webhook_endpoints on id = endpoint
    where rate_limit is not null
    for no key update of webhook_endpoints skip locked
  ), granted as (
    select *, greatest(0, least(most, floor(
      burst - extract(epoch from used_until - now()) * rate_limit)))::int as granted from wanted
  ), used as (
    select *, used_until + granted * interval '1 second' / rate_limit as now_used_until from granted
  ), reserved as (
    update webhook_endpoints set rate_used_until = now_used_until from used where id = endpoint and granted > 0
  )
  select endpoint, granted, greatest(0, ceil(1000 * (
    extract(epoch from now_used_until - now()) - (burst - 1) / rate_limit)))::int as ready_in_ms from used`

/** Gives attempts back that were reserved and did not begin. The locks are in order, so that two processes do not wait for each other. */
const giveBack = (sql: Sql, unused: ReadonlyMap<string, number>) => sql`
  with unused as materialized (
    select id, count
    from unnest(${arrayText([...unused.keys()])}::text[], ${arrayText([...unused.values()])}::int[]) as unused (endpoint, count)
    join webhook_endpoints on id = endpoint
    order by id for no key update of webhook_endpoints
  )
  update webhook_endpoints as given set rate_used_until = rate_used_until - count * interval '1 second' / rate_limit
  from unused where given.id = unused.id and rate_limit is not null`

/** Puts pending deliveries in order that were stored before their endpoint was ordered. One without a batch is a batch of its own. */
const putInOrder = (sql: Sql, endpoints: ReadonlyArray<string>) => sql`
  with unplaced as materialized (
    select event_id, endpoint from webhook_deliveries
    where endpoint = any (${arrayText(endpoints)}::text[]) and state = 'pending' and batch is null
    limit ${PUT_IN_ORDER_MAX}::int
  ), without as materialized (
    select event_id, endpoint from unplaced join webhook_deliveries as delivery using (event_id, endpoint)
    order by event_id, endpoint for no key update of delivery
  )
  update webhook_deliveries as delivery
  set batch = coalesce(nullif(event.batch, ''), event.id),
    sequence = case when coalesce(event.batch, '') = '' then 1 else event.sequence end
  from without, webhook_events as event
  where delivery.event_id = without.event_id and delivery.endpoint = without.endpoint
    and event.id = delivery.event_id`

/**
 * Whether all has come that is before an event in its batch. One that came otherwise than with those that were noted waits for none: it
 * is from a replay, or from a time without an ordered endpoint, and what was before it came then, too.
 */
const hasAllBefore = (sql: Sql, sequence: Fragment) =>
  sql`(seen is null or not seen @> ${sequence} or seen @> int8range(1, ${sequence}))`

/** How far a claim looked in the batches of an endpoint, beside each row that it claimed; without one, `place` is null. */
interface Looked {
  readonly looked_at: string
  readonly looked: number
  readonly last: string
  readonly place: number | null
}

/**
 * Steps through the index from batch to batch, so that it costs nothing how many deliveries wait behind the first ones. Begins behind
 * the batch in `places`.
 */
const claimInOrder = <Row extends object>(
  sql: Sql,
  endpoints: ReadonlyArray<PacedEndpoint>,
  leaseMs: number,
  places: ReadonlyMap<string, string>,
) => sql<Array<Row & Looked>>`
  with recursive wanted as (
    select id as endpoint, most, run, coalesce(place.batch, '') as behind
    from ${asked(sql, endpoints)} join webhook_endpoints on id = asked.endpoint
    left join unnest(${arrayText([...places.keys()])}::text[], ${arrayText([...places.values()])}::text[]) as place (endpoint, batch)
      on place.endpoint = id
    where ordered and webhook_endpoints.enabled and webhook_endpoints.state = 'active'
      and (held_until is null or held_until <= now())
  ), first (endpoint, nth, batch, sequence, event_id, next_attempt_at) as (
    select endpoint, 1, found.* from wanted cross join lateral (
      select batch, sequence, event_id, next_attempt_at from webhook_deliveries as delivery
      where delivery.endpoint = wanted.endpoint and state = 'pending' and delivery.batch > wanted.behind
      order by batch, sequence limit 1
    ) as found
    union all
    select endpoint, nth + 1, found.* from first cross join lateral (
      select batch, sequence, event_id, next_attempt_at from webhook_deliveries as delivery
      where delivery.endpoint = first.endpoint and state = 'pending' and delivery.batch > first.batch
      order by batch, sequence limit 1
    ) as found
    where nth < ${BATCHES_PER_CLAIM_MAX}::int
  ), looked as (
    select endpoint as looked_at, max(nth) as looked, (array_agg(batch order by nth desc))[1] as last from first group by endpoint
  ), open as (
    select first.event_id, endpoint, most, run, seen,
      row_number() over (partition by endpoint order by next_attempt_at, first.sequence, batch) as place
    from first join wanted using (endpoint) left join lateral (
      select seen from webhook_batches where webhook_batches.batch = first.batch limit 1
    ) as known on true
    where next_attempt_at <= now() and ${hasAllBefore(sql, sql`first.sequence`)}
  ), begun as (
    select locked.*, most, run, seen from open cross join lateral (
      select * from webhook_deliveries as delivery
      where delivery.event_id = open.event_id and delivery.endpoint = open.endpoint
        and state = 'pending' and next_attempt_at <= now()
      for update skip locked
    ) as locked
    where place <= most
  ), runs as (
    select begun.endpoint, begun.batch, begun.next_attempt_at as first_due_at, most, next.*,
      row_number() over row as nth,
      bool_and(next.due_at <= now() and ${hasAllBefore(sql, sql`next.sequence`)}) over row as unbroken
    from begun cross join lateral (
      select event_id, sequence, next_attempt_at as due_at from webhook_deliveries as delivery
      where delivery.endpoint = begun.endpoint and delivery.batch = begun.batch and state = 'pending'
        and delivery.sequence >= begun.sequence
      order by sequence limit run
    ) as next
    window row as (partition by begun.endpoint, begun.batch order by next.sequence)
  ), chosen as (
    select *, row_number() over (partition by endpoint order by nth, first_due_at, batch) as place
    from runs where unbroken
  ), claimed as (
    update webhook_deliveries as claimed
    set next_attempt_at = now() + ${leaseMs} * interval '1 millisecond'
    from chosen, webhook_events, webhook_endpoints
    where place <= most and claimed.event_id = chosen.event_id and claimed.endpoint = chosen.endpoint
      and claimed.state = 'pending' and claimed.next_attempt_at <= now()
      and webhook_events.id = chosen.event_id and webhook_endpoints.id = chosen.endpoint
    returning place::int, chosen.batch, claimed.event_id, claimed.endpoint, claimed.attempts, claimed.attempts_before,
      chosen.due_at::text, claimed.next_attempt_at::text as claimed_until,
      webhook_endpoints.partner, coalesce(webhook_endpoints.host, webhook_endpoints.id) as host,
      webhook_endpoints.url, ${liveSecrets(sql)}, webhook_events.body, failing_since is not null as failing
  )
  select looked.*, claimed.* from looked left join claimed on claimed.endpoint = looked_at`

const asked = (sql: Sql, endpoints: ReadonlyArray<PacedEndpoint>) => sql`
  unnest(
    ${arrayText(endpoints.map(({ endpoint }) => endpoint))}::text[], ${arrayText(endpoints.map(({ most }) => most))}::int[],
    ${arrayText(endpoints.map(({ run }) => run))}::int[]
  ) as asked (endpoint, most, run)`

const GAPS_MAX = 10_000
const BATCHES_FORGOTTEN_MAX = 10_000

export const gaps = (sql: Sql) => sql<Array<BatchGap>>`
  select batch, upper(seen)::float8 as end from webhook_batches
  where seen <> int8multirange(int8range(1::bigint, upper(seen)))
  order by batch limit ${GAPS_MAX}::int`

/** From now on nothing waits for an event before the end of these gaps. */
export const closeGaps = (sql: Sql, closed: ReadonlyArray<BatchGap>) => sql`
  update webhook_batches set seen = seen + int8multirange(int8range(1::bigint, closed.upto))
  from unnest(
    ${arrayText(closed.map(({ batch }) => batch))}::text[], ${arrayText(closed.map(({ end }) => end))}::bigint[]
  ) as closed (batch, upto)
  where webhook_batches.batch = closed.batch`

/** An event of a batch that was forgotten has a gap before it, which is closed as others are. */
export const forgetBatches = (sql: Sql, olderThanMs: number) => sql`
  delete from webhook_batches where batch in (
    select batch from webhook_batches where seen_at < now() - ${olderThanMs} * interval '1 millisecond'
    limit ${BATCHES_FORGOTTEN_MAX}::int)`
