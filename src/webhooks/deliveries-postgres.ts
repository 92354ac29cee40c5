/** Deliveries in Postgres. Each method is one statement that uses Postgres' clock, so all processes agree on what is due. */
import { Clock, Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { AppConfig } from "../config.ts"
import { Database } from "../database/database.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublishedEvent } from "../publisher/event-message.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import {
  type Arrived,
  type AttemptOf,
  type Claim,
  type ClaimAhead,
  Deliveries,
  type Delivery,
} from "./deliveries.ts"
import { type LiveSecrets, liveSecrets, openedLiveSecrets } from "./live-secrets-postgres.ts"
import { closeGaps, forgetBatches, gaps, pacedClaims } from "./paced-claims-postgres.ts"
import { sealPlainSecrets } from "./plain-secrets-postgres.ts"
import { type SealedSecrets, WEBHOOK_SECRETS } from "./secret-seal.ts"
import type { Full, Waiting } from "./shares.ts"

export const layer = Layer.effect(
  Deliveries,
  Effect.gen(function* () {
    const { query } = yield* Database
    const { deliveryAgeMsMax } = (yield* AppConfig).webhooks
    const keys = yield* PartnerKeys
    yield* sealPlainSecrets
    const claimPaced = pacedClaims<Row>()
    return Deliveries.of({
      record: Effect.fn("Deliveries.record")(function* (given, ahead = NOTHING_AHEAD) {
        const events = yield* notForgotten(query, given, deliveryAgeMsMax)
        const mayClaim = ahead.rooms.size > 0 && (yield* Effect.isSuccess(keys.current(WEBHOOK_SECRETS)))
        const rows = yield* query("record deliveries", (sql) =>
          record(sql, events, mayClaim ? ahead : NOTHING_AHEAD),
        )
        const places = new Map(events.map(({ event, body }, place) => [event.id, { place, body }]))
        const claimed = rows.flatMap((row) => {
          const found = places.get(row.event_id)
          return found === undefined ? [] : [{ ...row, ...found }]
        })
        return { claimed: yield* deliveriesOf(keys, claimed), othersAreDue: rows[0]?.others_are_due ?? true }
      }),
      waiting: Effect.fn("Deliveries.waiting")(function* (full, limit) {
        return yield* query("look for due deliveries", (sql) => waiting(sql, full, limit))
      }),
      claim: Effect.fn("Deliveries.claim")(function* (wanted) {
        // Claims nothing while secrets cannot be opened for signing. The deliveries stay due.
        yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(withoutKey))
        const rows = yield* query("claim deliveries", (sql) => claim(sql, wanted))
        return yield* deliveriesOf(keys, rows)
      }),
      claimTests: Effect.fn("Deliveries.claimTests")(function* (most, leaseMs) {
        // As above, and the tests stay in their list.
        if (!(yield* Effect.isSuccess(keys.current(WEBHOOK_SECRETS)))) return []
        const rows = yield* query("claim tests of webhook endpoints", (sql) => claimTests(sql, most, leaseMs))
        return (yield* deliveriesOf(keys, rows)).map((test) => ({ ...test, isTest: true }))
      }),
      claimPaced: Effect.fn("Deliveries.claimPaced")(function* (endpoints, leaseMs) {
        yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(withoutKey))
        const { rows, readyInMs } = yield* query("claim paced deliveries", (sql) =>
          claimPaced(sql, endpoints, leaseMs, (allotted) => claim(sql, { allotted, leaseMs }, true)),
        )
        return { claimed: yield* deliveriesOf(keys, rows), readyInMs }
      }),
      halted: Effect.fn("Deliveries.halted")(function* (endpoints) {
        const rows = yield* query("look for halted endpoints", (sql) => halted(sql, endpoints))
        return rows.map(({ endpoint }) => endpoint)
      }),
      hold: Effect.fn("Deliveries.hold")(function* (endpoint, forMs, url) {
        yield* query(
          "hold an endpoint",
          (sql) => sql`
            update webhook_endpoints
            set held_until = greatest(held_until, now() + ${forMs} * interval '1 millisecond')
            where id = ${endpoint} and url = ${url ?? sql`url`}`,
        )
      }),
      gaps: query("look for gaps in batches", gaps),
      closeGaps: Effect.fn("Deliveries.closeGaps")(function* (closed) {
        yield* query("close gaps in batches", (sql) => closeGaps(sql, closed))
      }),
      forgetBatches: Effect.fn("Deliveries.forgetBatches")(function* (olderThanMs) {
        yield* query("forget batches", (sql) => forgetBatches(sql, olderThanMs))
      }),
      release: Effect.fn("Deliveries.release")(function* (claimed) {
        if (claimed.length > 0) yield* query("release deliveries", (sql) => release(sql, claimed))
      }),
      delivered: Effect.fn("Deliveries.delivered")(function* (arrived) {
        if (arrived.length > 0)
          yield* query("record deliveries that arrived", (sql) => delivered(sql, arrived))
      }),
      failed: Effect.fn("Deliveries.failed")(function* ({ eventId, endpoint, attempts }, failure, retryInMs) {
        yield* query(
          "record a failed delivery",
          // After a lease ran out, another attempt may have been recorded first. Then this outcome is ignored. One that was given up
          // meanwhile, because its endpoint was disabled, stays so.
          (sql) => sql`
              with failed as (
                update webhook_deliveries
                set state = case when state = 'dead' or ${retryInMs === undefined} then 'dead' else 'pending' end, attempts = ${attempts + 1},
                  next_attempt_at = now() + ${retryInMs ?? 0} * interval '1 millisecond',
                  last_attempt_at = ${new Date(failure.at)}, last_status = ${failure.status ?? null},
                  last_error = ${failure.reason}, last_duration_ms = ${failure.durationMs}, last_answer = ${failure.answer ?? null}
                where event_id = ${eventId} and endpoint = ${endpoint}
                  and state <> 'delivered' and attempts = ${attempts}
                returning *
              )
              insert into webhook_attempts (event_id, endpoint, number, at, duration_ms, status, error, answer)
              select event_id, endpoint, attempts, last_attempt_at, last_duration_ms, last_status, last_error, last_answer
              from failed
              on conflict do nothing`,
        )
      }),
    })
  }),
)

/**
 * The events that are not older than deliveries are kept. The delivery of an older one may have been removed, so that the event would
 * seem new if the stream had it again, as after the consumer or the whole stream was made anew. What seems old is judged by Postgres'
 * clock: a process with a wrong one must not drop events.
 */
const notForgotten = Effect.fnUntraced(function* (
  query: Database["Service"]["query"],
  events: ReadonlyArray<PublishedEvent>,
  ageMsMax: number,
) {
  const olderThan =
    (oldest: number) =>
    ({ event }: PublishedEvent) =>
      Date.parse(event.time) < oldest
  if (!events.some(olderThan((yield* Clock.currentTimeMillis) - ageMsMax))) return events
  const [row] = yield* query("read the time", (sql) => sql<Array<{ readonly now: Date }>>`select now()`)
  const isOld = olderThan((row?.now.getTime() ?? 0) - ageMsMax)
  const first = events.find(isOld)?.event.id
  if (first === undefined) return events
  yield* Effect.logWarning("events are older than deliveries are kept, and are not delivered", {
    count: events.filter(isOld).length,
    first,
  })
  return events.filter((one) => !isOld(one))
})

/**
 * The accepted difference between the clocks of the publisher and of Postgres. An endpoint gets no message that was
 * published longer than this before the endpoint was created: such a message is a replay.
 */
const CLOCKS_DIFFER_MS_MAX = 300_000

const NOTHING_AHEAD: ClaimAhead = { rooms: new Map(), leaseMs: 0 }

/** Gives the deliveries that are claimed. One that was stored before is not among them. */
const record = (sql: Sql, events: ReadonlyArray<PublishedEvent>, { rooms, leaseMs }: ClaimAhead) => {
  const column = (of: (event: PublishedEvent) => string | number) => arrayText(events.map(of))
  return sql<Array<RecordedRow>>`
    with published as (
      select * from unnest(
        ${column(({ event }) => event.id)}::text[], ${column(({ event }) => event.partner)}::text[],
        ${column(({ event }) => event.data.batchId)}::text[], ${column(({ event }) => Number(event.sequence))}::bigint[],
        ${column(({ event }) => event.type)}::text[], ${column(({ body }) => body)}::text[],
        ${column(({ publishedAt }) => new Date(publishedAt + CLOCKS_DIFFER_MS_MAX).toISOString())}::timestamptz[]
      ) with ordinality as published (id, partner, batch, sequence, type, body, known_until, place)
    ), wanted as (
      select published.*, webhook_endpoints.id as endpoint, webhook_endpoints.ordered as in_order,
        not webhook_endpoints.ordered and rate_limit is null and ${mayBegin(sql)} as at_once
      from published
      join webhook_endpoints on webhook_endpoints.partner = published.partner
        and enabled and webhook_endpoints.state <> 'disabled'
        and (event_types is null or published.type = any (event_types)) and created_at <= known_until
    ), stored as (
      insert into webhook_events (id, partner, batch, sequence, type, body)
      select distinct on (id) id, partner, batch, sequence, type, body from wanted
      on conflict do nothing
    ), seen as (
      insert into webhook_batches (batch, seen)
      select batch, range_agg(int8range(sequence, sequence + 1)) from published
      where exists (
        select from webhook_endpoints where webhook_endpoints.partner = published.partner and webhook_endpoints.ordered)
      group by batch order by batch
      on conflict (batch) do update set seen = webhook_batches.seen + excluded.seen, seen_at = now()
    ), rooms as (
      select key as endpoint, value::int as room from jsonb_each_text(
        ${JSON.stringify(Object.fromEntries(rooms))}::text::jsonb) as rooms
      where not exists (
        select from webhook_deliveries
        where endpoint = rooms.key and state = 'pending' and next_attempt_at <= now())
    ), ordered as (
      select id, endpoint, batch, sequence, in_order, at_once, place,
        row_number() over (partition by endpoint order by place) as nth
      from wanted
    ), recorded as (
      insert into webhook_deliveries (event_id, endpoint, next_attempt_at, batch, sequence)
      select id, endpoint,
        case when nth <= room and at_once then now() + ${leaseMs} * interval '1 millisecond' else now() end,
        case when in_order then batch end, case when in_order then sequence end
      from ordered left join rooms using (endpoint) order by place
      on conflict do nothing
      returning event_id, endpoint, next_attempt_at
    )
    select event_id, endpoint, 0 as attempts, 0 as attempts_before, partner, coalesce(host, id) as host, url, ${liveSecrets(sql)},
      now()::text as due_at, next_attempt_at::text as claimed_until, failing_since is not null as failing,
      (select count(*) from recorded where next_attempt_at <= now()) > 0 as others_are_due
    from recorded join webhook_endpoints on webhook_endpoints.id = endpoint
    where next_attempt_at > now()`
}

/** Reads the index once for each endpoint that is not full. Deliveries of full endpoints are not read, however many. */
const waiting = (sql: Sql, { partners, hosts, endpoints, pairs }: Full, limit: number) => sql<Array<Waiting>>`
  select id as endpoint, partner, coalesce(host, id) as host, ordered, rate_limit is not null as limited
  from webhook_endpoints cross join lateral (
    select next_attempt_at, position from webhook_deliveries
    where endpoint = webhook_endpoints.id and state = 'pending' and next_attempt_at <= now()
    order by next_attempt_at, position
    limit 1
  ) as due
  where ${mayBegin(sql)} and partner <> all (${[...partners]}::text[])
    and coalesce(host, id) <> all (${[...hosts]}::text[]) and id <> all (${[...endpoints]}::text[])
    and not exists (
      select from jsonb_to_recordset(${JSON.stringify(pairs)}::text::jsonb) as pair (partner text, host text)
      where pair.partner = webhook_endpoints.partner and pair.host = coalesce(webhook_endpoints.host, id)
    )
  order by due.next_attempt_at, due.position
  limit ${limit}::int`

/** Whether an attempt may begin now, of an endpoint's row: it is neither paused nor disabled, and has not asked for a while of rest. */
const mayBegin = (sql: Sql) =>
  sql`enabled and webhook_endpoints.state = 'active' and (held_until is null or held_until <= now())`

/**
 * Skips deliveries that another process is claiming at this moment. Those that it has claimed are no longer due. Not for ordered
 * endpoints, and for those with a limit only if it was asked for them.
 */
const claim = (sql: Sql, { allotted, leaseMs }: Claim, limited = false) => sql<Array<Row>>`
  with allotted as (
    select key as endpoint, value::int as most from jsonb_each_text(
      ${JSON.stringify(Object.fromEntries(allotted))}::text::jsonb)
  ), due as (
    select claimable.* from allotted
    cross join lateral (
      select event_id, endpoint, next_attempt_at, position from webhook_deliveries
      where endpoint = allotted.endpoint and state = 'pending' and next_attempt_at <= now()
      order by next_attempt_at, position
      limit allotted.most
      for update skip locked
    ) as claimable
  ), ordered as (
    select *, row_number() over (order by next_attempt_at, position)::int as place from due
  )
  update webhook_deliveries as claimed
  set next_attempt_at = now() + ${leaseMs} * interval '1 millisecond'
  from ordered, webhook_events, webhook_endpoints
  where claimed.event_id = ordered.event_id and claimed.endpoint = ordered.endpoint
    and webhook_events.id = ordered.event_id and webhook_endpoints.id = ordered.endpoint
    and ${mayBegin(sql)} and not webhook_endpoints.ordered and (rate_limit is not null) = ${limited}
  returning ordered.place, claimed.event_id, claimed.endpoint, claimed.attempts, claimed.attempts_before,
    ordered.next_attempt_at::text as due_at, claimed.next_attempt_at::text as claimed_until,
    webhook_endpoints.partner, coalesce(webhook_endpoints.host, webhook_endpoints.id) as host,
    webhook_endpoints.url, ${liveSecrets(sql)}, webhook_events.body, failing_since is not null as failing`

/**
 * Takes tests from their list with the claim, so that each is attempted once, also if this process dies. One that is released is in the
 * list again. One that was claimed otherwise, because its endpoint was resumed, only leaves the list.
 */
const claimTests = (sql: Sql, most: number, leaseMs: number) => sql<Array<Row>>`
  with listed as (
    select event_id, endpoint from webhook_tests limit ${most} for update skip locked
  ), taken as (
    delete from webhook_tests using listed
    where webhook_tests.event_id = listed.event_id and webhook_tests.endpoint = listed.endpoint
    returning webhook_tests.event_id, webhook_tests.endpoint
  )
  update webhook_deliveries as claimed set next_attempt_at = now() + ${leaseMs} * interval '1 millisecond'
  from taken, webhook_events, webhook_endpoints
  where claimed.event_id = taken.event_id and claimed.endpoint = taken.endpoint
    and claimed.state = 'pending' and claimed.next_attempt_at <= now()
    and webhook_events.id = taken.event_id and webhook_endpoints.id = taken.endpoint
  returning 0 as place, claimed.event_id, claimed.endpoint, claimed.attempts, claimed.attempts_before,
    now()::text as due_at, claimed.next_attempt_at::text as claimed_until,
    webhook_endpoints.partner, coalesce(webhook_endpoints.host, webhook_endpoints.id) as host,
    webhook_endpoints.url, ${liveSecrets(sql)}, webhook_events.body, failing_since is not null as failing`

const halted = (sql: Sql, endpoints: ReadonlyArray<string>) => sql<Array<{ readonly endpoint: string }>>`
  select endpoint from unnest(${arrayText(endpoints)}::text[]) as asked (endpoint)
  where not exists (select from webhook_endpoints where id = endpoint and ${mayBegin(sql)})`

/** A claim that ran out may be another's by now, which this one does not change. */
const release = (sql: Sql, deliveries: ReadonlyArray<Delivery>) => {
  const claimed = inOrderOfLocks(deliveries)
  return sql`
    with released as (
      update webhook_deliveries as delivery set next_attempt_at = claimed.due_at::timestamptz
      from unnest(
        ${arrayText(claimed.map(({ eventId }) => eventId))}::text[], ${arrayText(claimed.map(({ endpoint }) => endpoint))}::text[],
        ${arrayText(claimed.map(({ dueAt }) => dueAt))}::text[], ${arrayText(claimed.map(({ claimedUntil }) => claimedUntil))}::text[],
        ${arrayText(claimed.map(({ isTest = false }) => String(isTest)))}::bool[]
      ) as claimed (event_id, endpoint, due_at, claimed_until, is_test)
      where delivery.event_id = claimed.event_id and delivery.endpoint = claimed.endpoint
        and state = 'pending' and next_attempt_at = claimed.claimed_until::timestamptz
      returning delivery.event_id, delivery.endpoint, is_test
    )
    insert into webhook_tests (event_id, endpoint) select event_id, endpoint from released where is_test
    on conflict do nothing`
}

/** In the order in which rows are locked, so that no two processes wait for each other. */
const inOrderOfLocks = <A extends AttemptOf>(deliveries: ReadonlyArray<A>): ReadonlyArray<A> =>
  deliveries.toSorted((one, other) =>
    one.eventId === other.eventId
      ? compared(one.endpoint, other.endpoint)
      : compared(one.eventId, other.eventId),
  )

const compared = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

/** The attempt that arrived is kept in the delivery's own row: nearly all of them are the only ones. */
const delivered = (sql: Sql, arrived: ReadonlyArray<Arrived>) => {
  const inOrder = inOrderOfLocks(arrived)
  const column = (of: (one: Arrived) => string | number | null) => arrayText(inOrder.map(of))
  return sql`
  update webhook_deliveries as delivery
  set state = 'delivered', attempts = delivery.attempts + 1, last_attempt_at = to_timestamp(ended.at / 1000),
    last_status = ended.status, last_error = null, last_duration_ms = ended.duration_ms, last_answer = ended.answer
  from unnest(
    ${column(({ eventId }) => eventId)}::text[], ${column(({ endpoint }) => endpoint)}::text[],
    ${column(({ attempts }) => attempts)}::int[], ${column(({ status }) => status)}::int[],
    ${column(({ at }) => at)}::float8[], ${column(({ durationMs }) => durationMs)}::int[],
    ${column(({ answer }) => answer ?? null)}::text[]
  ) as ended (event_id, endpoint, attempts, status, at, duration_ms, answer)
  where delivery.event_id = ended.event_id and delivery.endpoint = ended.endpoint
    and delivery.state <> 'delivered' and ended.attempts >= delivery.attempts_before`
}

interface RecordedRow extends Omit<Row, "place" | "body" | "batch"> {
  readonly others_are_due: boolean
}

interface Row extends SealedSecrets {
  readonly place: number
  /** Of an ordered endpoint. */
  readonly batch?: string
  readonly due_at: string
  readonly claimed_until: string
  readonly event_id: string
  readonly endpoint: string
  readonly attempts: number
  readonly attempts_before: number
  readonly partner: string
  readonly host: string
  readonly url: string
  readonly body: string
  readonly failing: boolean
}

/** In the order of their places. Opens the secrets of each endpoint once. */
const deliveriesOf = Effect.fnUntraced(function* (keys: PartnerKeys["Service"], rows: ReadonlyArray<Row>) {
  const opened = new Map<string, LiveSecrets | undefined>()
  const deliveries: Array<Delivery> = []
  for (const row of rows.toSorted((one, other) => one.place - other.place)) {
    const { event_id, endpoint, partner, host, attempts, url, body } = row
    // All rows of an endpoint are of one statement, so they have the same URL and secrets.
    if (!opened.has(endpoint))
      opened.set(endpoint, yield* openedLiveSecrets(keys, { endpoint, partner, url }, row))
    const secrets = opened.get(endpoint)
    deliveries.push({
      eventId: event_id,
      endpoint,
      partner,
      host,
      url,
      secret: secrets?.secret,
      besides: secrets?.besides ?? [],
      body,
      attempts,
      attemptsBefore: row.attempts_before,
      dueAt: row.due_at,
      claimedUntil: row.claimed_until,
      failing: row.failing,
      ...(row.batch === undefined ? {} : { batch: row.batch }),
    })
  }
  return deliveries
})

const withoutKey = () =>
  new StoreUnavailable({ store: "redis", step: "open a webhook secret", reason: "the key is unavailable" })
