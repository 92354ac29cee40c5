/** Deliveries in Postgres. Each method is one statement that uses Postgres' clock, so all processes agree on what is due. */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublishedEvent } from "../publisher/event-message.ts"
import { keyIdOf, PartnerKeys } from "../vault/partner-keys.ts"
import { type Claim, Deliveries, type Delivery } from "./deliveries.ts"
import { sealPlainSecrets } from "./plain-secrets-postgres.ts"
import { openSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"
import { type Full, UNDER_WAY_MAX, type Waiting } from "./shares.ts"

export const layer = Layer.effect(
  Deliveries,
  Effect.gen(function* () {
    const { query } = yield* Database
    const keys = yield* PartnerKeys
    yield* sealPlainSecrets
    // Deliveries that end while others are recorded are recorded together.
    const recordDelivered = groupCommit(
      yield* Effect.scope,
      (ended: ReadonlyArray<Ended>) =>
        Effect.as(
          query("record deliveries that arrived", (sql) => delivered(sql, ended)),
          ended.map(() => undefined),
        ),
      ENDED_MAX,
    )
    return Deliveries.of({
      record: Effect.fn("Deliveries.record")(function* (events) {
        yield* query("record deliveries", (sql) => record(sql, events))
      }),
      waiting: Effect.fn("Deliveries.waiting")(function* (full, limit) {
        return yield* query("look for due deliveries", (sql) => waiting(sql, full, limit))
      }),
      claim: Effect.fn("Deliveries.claim")(function* (wanted) {
        // Claims nothing while secrets cannot be opened for signing. The deliveries stay due.
        yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(withoutKey))
        const rows = yield* query("claim deliveries", (sql) => claim(sql, wanted))
        const inOrder = rows.toSorted((one, other) => one.place - other.place)
        return yield* deliveriesOf(keys, inOrder)
      }),
      delivered: ({ eventId, endpoint, attempts }, status) =>
        recordDelivered({ eventId, endpoint, attempts, status }),
      failed: Effect.fn("Deliveries.failed")(function* ({ eventId, endpoint, attempts }, failure, retryInMs) {
        yield* query(
          "record a failed delivery",
          // After a lease ran out, another attempt may have been recorded first. Then this outcome is ignored.
          (sql) => sql`
              update webhook_deliveries
              set state = ${retryInMs === undefined ? "dead" : "pending"}, attempts = ${attempts + 1},
                next_attempt_at = now() + ${retryInMs ?? 0} * interval '1 millisecond',
                last_attempt_at = now(), last_status = ${failure.status ?? null}, last_error = ${failure.reason}
              where event_id = ${eventId} and endpoint = ${endpoint}
                and state = 'pending' and attempts = ${attempts}`,
        )
      }),
    })
  }),
)

/**
 * The accepted difference between the clocks of the publisher and of Postgres. An endpoint gets no message that was
 * published longer than this before the endpoint was created: such a message is a replay.
 */
const CLOCKS_DIFFER_MS_MAX = 300_000

const record = (sql: Sql, events: ReadonlyArray<PublishedEvent>) => {
  const rows = events.map(({ event, body, publishedAt }, place) => ({
    place,
    id: event.id,
    partner: event.partner,
    batch: event.data.batchId,
    sequence: Number(event.sequence),
    type: event.type,
    body,
    known_until: new Date(publishedAt + CLOCKS_DIFFER_MS_MAX),
  }))
  return sql`
    with published as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as published (
        place int, id text, partner text, batch text, sequence bigint, type text, body text, known_until timestamptz)
    ), wanted as (
      select published.*, webhook_endpoints.id as endpoint from published
      join webhook_endpoints on webhook_endpoints.partner = published.partner and enabled
        and (event_types is null or published.type = any (event_types)) and created_at <= known_until
    ), stored as (
      insert into webhook_events (id, partner, batch, sequence, type, body)
      select distinct on (id) id, partner, batch, sequence, type, body from wanted
      on conflict do nothing
    )
    insert into webhook_deliveries (event_id, endpoint)
    select id, endpoint from wanted order by place
    on conflict do nothing`
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
  returning ordered.place, claimed.event_id, claimed.endpoint, claimed.attempts,
    webhook_endpoints.partner, coalesce(webhook_endpoints.host, webhook_endpoints.id) as host,
    webhook_endpoints.url, webhook_endpoints.secret, webhook_events.body`

/** A delivery that arrived, with the status of the answer. */
interface Ended extends Pick<Delivery, "eventId" | "endpoint" | "attempts"> {
  readonly status: number
}

/** More than are under way at a time. */
const ENDED_MAX = 2 * UNDER_WAY_MAX

const delivered = (sql: Sql, ended: ReadonlyArray<Ended>) => sql`
  update webhook_deliveries as delivery
  set state = 'delivered', attempts = ended.attempts + 1, last_attempt_at = now(),
    last_status = ended.status, last_error = null
  from unnest(
    ${ended.map(({ eventId }) => eventId)}::text[], ${ended.map(({ endpoint }) => endpoint)}::text[],
    ${ended.map(({ attempts }) => attempts)}::int[], ${ended.map(({ status }) => status)}::int[]
  ) as ended (event_id, endpoint, attempts, status)
  where delivery.event_id = ended.event_id and delivery.endpoint = ended.endpoint`

interface Row {
  readonly place: number
  readonly event_id: string
  readonly endpoint: string
  readonly attempts: number
  readonly partner: string
  readonly host: string
  readonly url: string
  readonly secret: string
  readonly body: string
}

/** Opens the secret of each endpoint once. */
const deliveriesOf = Effect.fnUntraced(function* (keys: PartnerKeys["Service"], rows: ReadonlyArray<Row>) {
  const opened = new Map<string, Delivery["secret"]>()
  const deliveries: Array<Delivery> = []
  for (const { event_id, endpoint, partner, host, attempts, url, secret: sealed, body } of rows) {
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
    })
  }
  return deliveries
})

const withoutKey = () =>
  new StoreUnavailable({ store: "redis", step: "open a webhook secret", reason: "the key is unavailable" })
