/** Replays as rows in Postgres. A step and the place behind it are one transaction, so a step is done once, whatever dies. */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { encodePublicEvent, type PublicEvent } from "../publisher/public-event.ts"
import { timeText } from "./delivery-list-postgres.ts"
import { EndpointDisabled, NoSuchEndpoint } from "./endpoints.ts"
import {
  type ClaimedReplay,
  type NewReplay,
  NoSuchReplay,
  REPLAYS_KEPT_MAX,
  type Replay,
  type ReplayPlace,
  type ReplayState,
  Replays,
  ReplayUnderWay,
} from "./replays.ts"
import { sendAgain } from "./send-again.ts"

const READ_COMMITTED = "isolation level read committed"
/** The endpoint's state in which nothing is sent to it. */
const DISABLED = "disabled"

export const layer = Layer.effect(
  Replays,
  Effect.gen(function* () {
    const { query } = yield* Database
    return Replays.of({
      start: Effect.fn("Replays.start")(function* (partner, endpoint, asked, by) {
        const started = yield* query("start a replay", (sql) =>
          transaction(sql, READ_COMMITTED, (sql) => start(sql, partner, endpoint, asked, by)),
        )
        if (started === undefined) return yield* new NoSuchEndpoint({ endpoint })
        if (started === DISABLED) return yield* new EndpointDisabled({ endpoint })
        return typeof started === "string"
          ? yield* new ReplayUnderWay({ replay: started })
          : replayOf(started)
      }),

      show: Effect.fn("Replays.show")(function* (partner, endpoint, id) {
        const [row] = yield* query(
          "show a replay",
          (sql) => sql<Array<ReplayRow>>`
            select * from webhook_replays where id = ${id} and endpoint = ${endpoint} and partner = ${partner}`,
        )
        return row === undefined ? yield* new NoSuchReplay() : replayOf(row)
      }),

      list: Effect.fn("Replays.list")(function* (partner, endpoint) {
        const rows = yield* query(
          "list replays",
          (sql) => sql<Array<ReplayRow | { readonly id: null }>>`
            select webhook_replays.* from webhook_endpoints
            left join webhook_replays on webhook_replays.endpoint = webhook_endpoints.id
            where webhook_endpoints.id = ${endpoint} and webhook_endpoints.partner = ${partner}
            order by webhook_replays.created_at desc, webhook_replays.id desc
            limit ${REPLAYS_KEPT_MAX}`,
        )
        if (rows.length === 0) return yield* new NoSuchEndpoint({ endpoint })
        return rows.flatMap((row) => (row.id === null ? [] : [replayOf(row)]))
      }),

      claim: Effect.fn("Replays.claim")(function* (leaseMs) {
        const [row] = yield* query(
          "claim a replay",
          (sql) => sql<Array<ClaimedRow>>`
            update webhook_replays as replay set claimed_until = now() + ${leaseMs} * interval '1 millisecond'
            from webhook_endpoints
            where replay.id = (
                select id from webhook_replays where state = 'running' and claimed_until <= now()
                order by created_at limit 1 for update skip locked
              ) and webhook_endpoints.id = replay.endpoint
            returning replay.*, replay.claimed_until::text as claim, replay.place_received_at::text as place_at,
              webhook_endpoints.event_types`,
        )
        return row === undefined ? undefined : claimedOf(row)
      }),

      batchesAfter: Effect.fn("Replays.batchesAfter")(function* (partner, place, limit) {
        const rows = yield* query("look for batches to replay", (sql) =>
          batchesAfter(sql, partner, place, limit),
        )
        return rows.map(({ id, at, received_at, updated_at }) => ({
          id,
          receivedAt: at,
          receivedAtMs: received_at.getTime(),
          updatedAtMs: updated_at.getTime(),
        }))
      }),

      send: Effect.fn("Replays.send")(function* (replay, events, place, leaseMs) {
        const row = yield* query("replay events", (sql) =>
          transaction(sql, READ_COMMITTED, (sql) => send(sql, replay, events, place, leaseMs)),
        )
        if (row === DISABLED) return yield* new EndpointDisabled({ endpoint: replay.endpoint })
        return row === undefined
          ? undefined
          : { ...replay, batches: row.batches, events: row.events, place, claimedUntil: row.claim }
      }),

      keep: Effect.fn("Replays.keep")(function* (replay, given, leaseMs) {
        const place = given ?? replay.place
        const [row] = yield* query("keep a replay", (sql) =>
          move(sql, replay, place, { events: 0, batches: 0 }, leaseMs),
        )
        return row === undefined ? undefined : { ...replay, place, claimedUntil: row.claim }
      }),

      end: Effect.fn("Replays.end")(function* ({ id, claimedUntil }, reason) {
        yield* query(
          "end a replay",
          (sql) => sql`
            update webhook_replays
            set state = ${reason === undefined ? "done" : "stopped"}, reason = ${reason ?? null}, ended_at = now()
            where id = ${id} and state = 'running' and claimed_until = ${claimedUntil}::text::timestamptz`,
        )
      }),
    })
  }),
)

export const batchesAfter = (
  sql: Sql,
  partner: PartnerId,
  place: ReplayPlace | undefined,
  limit: number,
) => sql<Array<BatchRow>>`
  select id, received_at::text as at, received_at, updated_at from payout_batches
  where partner = ${partner}
    and (received_at, id) > (${place?.receivedAt ?? "-infinity"}::text::timestamptz, ${place?.batch ?? ""})
  order by received_at, id
  limit ${limit}`

/** The replay that was started, the id of one that is under way, `DISABLED`, or `undefined` if the partner has no such endpoint. */
const start = async (
  sql: TransactionSql,
  partner: PartnerId,
  endpoint: string,
  asked: NewReplay,
  by: Actor,
): Promise<ReplayRow | string | undefined> => {
  const [own] = await sql<Array<{ readonly state: string }>>`
    select state from webhook_endpoints where id = ${endpoint} and partner = ${partner} for no key update`
  if (own === undefined) return undefined
  if (own.state === DISABLED) return DISABLED
  const [running] = await sql<Array<{ readonly id: string }>>`
    select id from webhook_replays where endpoint = ${endpoint} and state = 'running'`
  if (running !== undefined) return running.id
  await sql`
    delete from webhook_replays where id in (
      select id from webhook_replays where endpoint = ${endpoint}
      order by created_at desc, id desc offset ${REPLAYS_KEPT_MAX - 1})`
  const terms = "batch" in asked ? asked : { ...asked, until: asked.until ?? Date.now() }
  const [row] = await sql<Array<ReplayRow>>`
    insert into webhook_replays (id, endpoint, partner, batch, from_sequence, since, until)
    values (
      ${`wr_${randomBytes(16).toString("hex")}`}, ${endpoint}, ${partner},
      ${"batch" in terms ? terms.batch : null}, ${"batch" in terms ? terms.fromSequence : 1},
      ${"since" in terms ? timeText(terms.since) : null}::text::timestamptz,
      ${"since" in terms ? timeText(terms.until) : null}::text::timestamptz)
    returning *`
  if (row === undefined) throw new Error("an insert gives its row")
  const { batch, since, until } = row
  await writeAudit(sql, by, {
    act: "webhook-endpoint.replay",
    subject: `webhook-endpoint:${endpoint}`,
    before: null,
    after: {
      partner,
      replay: row.id,
      ...(batch === null ? { since, until } : { batch, fromSequence: Number(row.from_sequence) }),
    },
  })
  return row
}

interface MovedRow {
  readonly batches: number
  readonly events: number
  readonly claim: string
}

/** Moves a replay that is still this process' own, and renews its claim. */
const move = (
  sql: Sql | TransactionSql,
  { id, claimedUntil }: ClaimedReplay,
  place: ReplayPlace | undefined,
  counted: { readonly events: number; readonly batches: number },
  leaseMs: number,
) => sql<Array<MovedRow>>`
  update webhook_replays
  set place_batch = ${place?.batch ?? null}, place_received_at = ${place?.receivedAt ?? null}::text::timestamptz,
    place_sequence = ${place?.sequence ?? null}, events = events + ${counted.events}, batches = batches + ${counted.batches},
    claimed_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
  where id = ${id} and state = 'running' and claimed_until = ${claimedUntil}::text::timestamptz
  returning batches, events, claimed_until::text as claim`

/** Nothing is stored unless the replay is still this process' own. Rows are locked and stored in the order in which the inbox does it. */
const send = async (
  sql: TransactionSql,
  replay: ClaimedReplay,
  events: ReadonlyArray<PublicEvent>,
  place: ReplayPlace,
  leaseMs: number,
): Promise<MovedRow | typeof DISABLED | undefined> => {
  const { endpoint } = replay
  const [to] = await sql<Array<{ readonly state: string; readonly ordered: boolean }>>`
    select state, ordered from webhook_endpoints where id = ${endpoint}`
  if (to?.state === DISABLED) return DISABLED
  const counted = { events: events.length, batches: place.sequence === undefined ? 1 : 0 }
  const [row] = await move(sql, replay, place, counted, leaseMs)
  if (to === undefined || row === undefined || events.length === 0) return row
  const column = (of: (event: PublicEvent) => string | number) => arrayText(events.map(of))
  const ids = column((event) => event.id)
  const sequences = column(({ sequence }) => Number(sequence))
  await sql`
    insert into webhook_events (id, partner, batch, sequence, type, body)
    select * from unnest(
      ${ids}::text[], ${column(({ partner }) => partner)}::text[], ${column(({ data }) => data.batchId)}::text[],
      ${sequences}::bigint[], ${column(({ type }) => type)}::text[], ${column(encodePublicEvent)}::text[]) as given (id)
    order by id
    on conflict do nothing`
  if (to.ordered) await noteSeen(sql, place.batch, sequences)
  await sendAgain(
    sql,
    sql`
      select * from webhook_deliveries
      where endpoint = ${endpoint} and event_id = any (${ids}::text[]) and state <> 'pending'
      order by event_id for update`,
  )
  await sql`
    insert into webhook_deliveries (event_id, endpoint, batch, sequence)
    select id, ${endpoint}, ${to.ordered ? sql`${place.batch}` : sql`null`}, ${to.ordered ? sql`sequence` : sql`null`}
    from unnest(${ids}::text[], ${sequences}::bigint[]) as given (id, sequence)
    order by sequence
    on conflict do nothing`
  return row
}

/**
 * An ordered endpoint waits for events of the batch that have not come. These have: if JetStream lost them, they come in no other way.
 * Of a batch of which nothing is known, nothing is waited for.
 */
const noteSeen = (sql: TransactionSql, batch: BatchId, sequences: string) => sql`
  update webhook_batches set seen_at = now(), seen = seen + (
    select range_agg(int8range(sequence, sequence + 1)) from unnest(${sequences}::bigint[]) as given (sequence))
  where batch = ${batch}`

interface ReplayRow {
  readonly id: string
  readonly endpoint: string
  readonly batch: BatchId | null
  readonly from_sequence: string
  readonly since: Date | null
  readonly until: Date | null
  readonly state: ReplayState
  readonly reason: string | null
  readonly batches: number
  readonly events: number
  readonly created_at: Date
  readonly ended_at: Date | null
}

interface ClaimedRow extends ReplayRow {
  readonly partner: PartnerId
  readonly event_types: ReadonlyArray<string> | null
  readonly claim: string
  readonly place_at: string | null
  readonly place_batch: BatchId | null
  readonly place_sequence: string | null
}

interface BatchRow {
  readonly id: BatchId
  readonly at: string
  readonly received_at: Date
  readonly updated_at: Date
}

const replayOf = (row: ReplayRow): Replay => ({
  id: row.id,
  endpoint: row.endpoint,
  batch: row.batch ?? undefined,
  fromSequence: row.batch === null ? undefined : Number(row.from_sequence),
  since: row.since ?? undefined,
  until: row.until ?? undefined,
  state: row.state,
  reason: row.reason ?? undefined,
  batches: row.batches,
  events: row.events,
  createdAt: row.created_at,
  endedAt: row.ended_at ?? undefined,
})

const claimedOf = (row: ClaimedRow): ClaimedReplay => ({
  ...replayOf(row),
  partner: row.partner,
  eventTypes: row.event_types ?? undefined,
  claimedUntil: row.claim,
  place:
    row.place_batch === null
      ? undefined
      : {
          batch: row.place_batch,
          receivedAt: row.place_at ?? undefined,
          sequence: row.place_sequence === null ? undefined : Number(row.place_sequence),
        },
})
