/** Deliveries in Postgres. Each method is one statement that uses Postgres' clock, so all processes agree on what is due. */
import { Clock, Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { AppConfig } from "../config.ts"
import { Database } from "../database/database.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublishedEvent } from "../publisher/event-message.ts"
import { keyIdOf, PartnerKeys } from "../vault/partner-keys.ts"
import { type Arrived, type Claim, type ClaimAhead, Deliveries, type Delivery } from "./deliveries.ts"
import { sealPlainSecrets } from "./plain-secrets-postgres.ts"
import { openSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"
import type { Full, Waiting } from "./shares.ts"

export const layer = Layer.effect(
  Deliveries,
  Effect.gen(function* () {
    const { query } = yield* Database
    const { deliveryAgeMsMax } = (yield* AppConfig).webhooks
    const keys = yield* PartnerKeys
    yield* sealPlainSecrets
    return Deliveries.of({
      record: Effect.fn("Deliveries.record")(function* (given, ahead = NOTHING_AHEAD) {
        const events = yield* notForgotten(given, deliveryAgeMsMax)
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
          // After a lease ran out, another attempt may have been recorded first. Then this outcome is ignored.
          (sql) => sql`
              with failed as (
                update webhook_deliveries
                set state = ${retryInMs === undefined ? "dead" : "pending"}, attempts = ${attempts + 1},
                  next_attempt_at = now() + ${retryInMs ?? 0} * interval '1 millisecond',
                  last_attempt_at = ${new Date(failure.at)}, last_status = ${failure.status ?? null},
                  last_error = ${failure.reason}, last_duration_ms = ${failure.durationMs}, last_answer = ${failure.answer ?? null}
                where event_id = ${eventId} and endpoint = ${endpoint}
                  and state = 'pending' and attempts = ${attempts}
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
 * seem new if the stream had it again, as after the consumer or the whole stream was made anew.
 */
const notForgotten = Effect.fnUntraced(function* (events: ReadonlyArray<PublishedEvent>, ageMsMax: number) {
  const oldest = (yield* Clock.currentTimeMillis) - ageMsMax
  const isOld = ({ event }: PublishedEvent) => Date.parse(event.time) < oldest
  if (!events.some(isOld)) return events
  const first = events.find(isOld)?.event.id
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
      select published.*, webhook_endpoints.id as endpoint from published
      join webhook_endpoints on webhook_endpoints.partner = published.partner and enabled
        and (event_types is null or published.type = any (event_types)) and created_at <= known_until
    ), stored as (
      insert into webhook_events (id, partner, batch, sequence, type, body)
      select distinct on (id) id, partner, batch, sequence, type, body from wanted
      on conflict do nothing
    ), rooms as (
      select key as endpoint, value::int as room from jsonb_each_text(
        ${JSON.stringify(Object.fromEntries(rooms))}::text::jsonb) as rooms
      where not exists (
        select from webhook_deliveries
        where endpoint = rooms.key and state = 'pending' and next_attempt_at <= now())
    ), ordered as (
      select id, endpoint, place, row_number() over (partition by endpoint order by place) as nth from wanted
    ), recorded as (
      insert into webhook_deliveries (event_id, endpoint, next_attempt_at)
      select id, endpoint, case when nth <= room then now() + ${leaseMs} * interval '1 millisecond' else now() end
      from ordered left join rooms using (endpoint) order by place
      on conflict do nothing
      returning event_id, endpoint, next_attempt_at
    )
    select event_id, endpoint, 0 as attempts, 0 as attempts_before, partner, coalesce(host, id) as host, url, secret,
      now()::text as due_at, next_attempt_at::text as claimed_until,
      (select count(*) from recorded where next_attempt_at <= now()) > 0 as others_are_due
    from recorded join webhook_endpoints on webhook_endpoints.id = endpoint
    where next_attempt_at > now()`
}

/** Reads the index once for each endpoint that is not full. Deliveries of full endpoints are not read, however many. */
const waiting = (sql: Sql, { partners, hosts, endpoints, pairs }: Full, limit: number) => sql<Array<Waiting>>`
  select id as endpoint, partner, coalesce(host, id) as host from webhook_endpoints
  cross join lateral (
    select next_attempt_at, position from webhook_deliveries
    where endpoint = webhook_endpoints.id and state = 'pending' and next_attempt_at <= now()
    order by next_attempt_at, position
    limit 1
  ) as due
  where enabled and partner <> all (${[...partners]}::text[])
    and coalesce(host, id) <> all (${[...hosts]}::text[]) and id <> all (${[...endpoints]}::text[])
    and not exists (
      select from jsonb_to_recordset(${JSON.stringify(pairs)}::text::jsonb) as pair (partner text, host text)
      where pair.partner = webhook_endpoints.partner and pair.host = coalesce(webhook_endpoints.host, id)
    )
  order by due.next_attempt_at, due.position
  limit ${limit}::int`

/** Skips deliveries that another process is claiming at this moment. Those that it has claimed are no longer due. */
const claim = (sql: Sql, { allotted, leaseMs }: Claim) => sql<Array<Row>>`
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
    and webhook_events.id = ordered.event_id and webhook_endpoints.id = ordered.endpoint and enabled
  returning ordered.place, claimed.event_id, claimed.endpoint, claimed.attempts, claimed.attempts_before,
    ordered.next_attempt_at::text as due_at, claimed.next_attempt_at::text as claimed_until,
    webhook_endpoints.partner, coalesce(webhook_endpoints.host, webhook_endpoints.id) as host,
    webhook_endpoints.url, webhook_endpoints.secret, webhook_events.body`

/** A claim that ran out may be another's by now, which this one does not change. */
const release = (sql: Sql, claimed: ReadonlyArray<Delivery>) => sql`
  update webhook_deliveries as delivery set next_attempt_at = claimed.due_at::timestamptz
  from unnest(
    ${arrayText(claimed.map(({ eventId }) => eventId))}::text[], ${arrayText(claimed.map(({ endpoint }) => endpoint))}::text[],
    ${arrayText(claimed.map(({ dueAt }) => dueAt))}::text[], ${arrayText(claimed.map(({ claimedUntil }) => claimedUntil))}::text[]
  ) as claimed (event_id, endpoint, due_at, claimed_until)
  where delivery.event_id = claimed.event_id and delivery.endpoint = claimed.endpoint
    and state = 'pending' and next_attempt_at = claimed.claimed_until::timestamptz`

/** The attempt that arrived is kept in the delivery's own row: nearly all of them are the only ones. */
const delivered = (sql: Sql, arrived: ReadonlyArray<Arrived>) => {
  const column = (of: (one: Arrived) => string | number | null) => arrayText(arrived.map(of))
  return sql`
  update webhook_deliveries as delivery
  set state = 'delivered', attempts = delivery.attempts + 1, last_attempt_at = ended.at::timestamptz,
    last_status = ended.status, last_error = null, last_duration_ms = ended.duration_ms, last_answer = ended.answer
  from unnest(
    ${column(({ eventId }) => eventId)}::text[], ${column(({ endpoint }) => endpoint)}::text[],
    ${column(({ attempts }) => attempts)}::int[], ${column(({ status }) => status)}::int[],
    ${column(({ at }) => new Date(at).toISOString())}::text[], ${column(({ durationMs }) => durationMs)}::int[],
    ${column(({ answer }) => answer ?? null)}::text[]
  ) as ended (event_id, endpoint, attempts, status, at, duration_ms, answer)
  where delivery.event_id = ended.event_id and delivery.endpoint = ended.endpoint
    and delivery.state <> 'delivered' and ended.attempts >= delivery.attempts_before`
}

interface RecordedRow extends Omit<Row, "place" | "body"> {
  readonly others_are_due: boolean
}

interface Row {
  readonly place: number
  readonly due_at: string
  readonly claimed_until: string
  readonly event_id: string
  readonly endpoint: string
  readonly attempts: number
  readonly attempts_before: number
  readonly partner: string
  readonly host: string
  readonly url: string
  readonly secret: string
  readonly body: string
}

/** In the order of their places. Opens the secret of each endpoint once. */
const deliveriesOf = Effect.fnUntraced(function* (keys: PartnerKeys["Service"], rows: ReadonlyArray<Row>) {
  const opened = new Map<string, Delivery["secret"]>()
  const deliveries: Array<Delivery> = []
  for (const row of rows.toSorted((one, other) => one.place - other.place)) {
    const { event_id, endpoint, partner, host, attempts, url, secret: sealed, body } = row
    const place = JSON.stringify([endpoint, partner, url, sealed])
    if (!opened.has(place)) {
      const key = yield* keys.find(WEBHOOK_SECRETS, keyIdOf(sealed)).pipe(Effect.mapError(withoutKey))
      opened.set(place, key && openSecret(key, { endpoint, partner, url }, sealed))
    }
    deliveries.push({
      eventId: event_id,
      endpoint,
      partner,
      host,
      url,
      secret: opened.get(place),
      body,
      attempts,
      attemptsBefore: row.attempts_before,
      dueAt: row.due_at,
      claimedUntil: row.claimed_until,
    })
  }
  return deliveries
})

const withoutKey = () =>
  new StoreUnavailable({ store: "redis", step: "open a webhook secret", reason: "the key is unavailable" })
