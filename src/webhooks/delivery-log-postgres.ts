/** What became of deliveries, in Postgres. An act and its entry in the audit trail are one transaction. */
import { Effect, Layer } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { type DeliveryPlace, parseDeliveriesCursor } from "./delivery-cursor.ts"
import { type ListedRow, listed, pageOfDeliveries, timeText } from "./delivery-list-postgres.ts"
import {
  ATTEMPTS_SHOWN_MAX,
  DELIVERIES_PER_PAGE_MAX,
  DeliveryLog,
  type DeliveryName,
  type DeliveryState,
  type EndedAttempt,
  InvalidDeliveriesCursor,
  NoSuchDelivery,
  REDRIVEN_AT_ONCE_MAX,
} from "./delivery-log.ts"
import { pruneOnce, pruningFromBegin } from "./delivery-pruning-postgres.ts"
import { EndpointDisabled } from "./endpoints.ts"
import { sendAgain } from "./send-again.ts"

/** Deliveries that one statement sends again. */
const REDRIVEN_PER_STEP = 1_000
/** Each statement after a lock sees what was committed before it. */
const READ_COMMITTED = "isolation level read committed"
/** The endpoint's state in which nothing is sent to it again. */
const DISABLED = "disabled"

export const layer = Layer.effect(
  DeliveryLog,
  Effect.gen(function* () {
    const { query } = yield* Database
    const place = pruningFromBegin()
    return DeliveryLog.of({
      list: Effect.fn("DeliveryLog.list")(function* (partner, filter, { limit, cursor }) {
        const { endpoint, state, eventType, batch, since, until } = filter
        const list = JSON.stringify([partner, endpoint, state, eventType, batch, since, until])
        let after: DeliveryPlace | undefined
        if (cursor !== undefined) {
          after = parseDeliveriesCursor(list, cursor)
          if (after === undefined) return yield* new InvalidDeliveriesCursor()
        }
        const most = Math.max(1, Math.min(limit, DELIVERIES_PER_PAGE_MAX))
        return yield* query("list deliveries", (sql) =>
          pageOfDeliveries(sql, partner, filter, list, after, most),
        )
      }),

      show: Effect.fn("DeliveryLog.show")(function* (partner, name) {
        const found = yield* query("show a delivery", (sql) =>
          transaction(sql, "isolation level repeatable read read only", (sql) => shownOf(sql, partner, name)),
        )
        return found === undefined ? yield* new NoSuchDelivery() : found
      }),

      resend: Effect.fn("DeliveryLog.resend")(function* (partner, name, by) {
        const stateBefore = yield* query("resend a delivery", (sql) =>
          transaction(sql, READ_COMMITTED, (sql) => resend(sql, partner, name, by)),
        )
        if (stateBefore === undefined) return yield* new NoSuchDelivery()
        if (stateBefore === DISABLED) return yield* new EndpointDisabled({ endpoint: name.endpoint })
        return { stateBefore }
      }),

      redrive: Effect.fn("DeliveryLog.redrive")(function* (partner, endpoint, time, by) {
        let resent = 0
        while (resent < REDRIVEN_AT_ONCE_MAX) {
          const step = yield* query("redrive deliveries", (sql) =>
            transaction(sql, READ_COMMITTED, (sql) => redriveSome(sql, partner, endpoint, time, by)),
          )
          if (step === undefined) return yield* new NoSuchDelivery()
          if (step === DISABLED) return yield* new EndpointDisabled({ endpoint })
          resent += step
          if (step < REDRIVEN_PER_STEP) return { resent, isComplete: true }
        }
        return { resent, isComplete: false }
      }),

      prune: Effect.fn("DeliveryLog.prune")((ageMs) => pruneOnce(query, place, ageMs)),
    })
  }),
)

interface ShownRow extends ListedRow {
  readonly last_answer: string | null
  readonly body: string
}

interface AttemptRow {
  readonly number: number
  readonly at: Date
  readonly duration_ms: number | null
  readonly status: number | null
  readonly error: string | null
  readonly answer: string | null
}

const shownOf = async (sql: TransactionSql, partner: PartnerId, { endpoint, event }: DeliveryName) => {
  const [row] = await sql<Array<ShownRow>>`
    select webhook_deliveries.*, webhook_events.type, webhook_events.batch, webhook_events.sequence::text as sequence,
      webhook_events.body
    from webhook_endpoints
    join webhook_deliveries on webhook_deliveries.endpoint = webhook_endpoints.id
    join webhook_events on webhook_events.id = webhook_deliveries.event_id
    where webhook_endpoints.id = ${endpoint} and webhook_endpoints.partner = ${partner}
      and webhook_deliveries.event_id = ${event}`
  if (row === undefined) return undefined
  const rows = await sql<Array<AttemptRow>>`
    select number, at, duration_ms, status, error, answer from webhook_attempts
    where event_id = ${event} and endpoint = ${endpoint}
    order by number desc limit ${ATTEMPTS_SHOWN_MAX}`
  const earlier = rows.filter(({ number }) => number !== row.attempts).map(endedAttempt)
  const last = lastOf(row)
  return {
    ...listed(row),
    ended: [...(last === undefined ? [] : [last]), ...earlier].slice(0, ATTEMPTS_SHOWN_MAX).reverse(),
    body: row.body,
  }
}

/** The last attempt that ended, which the delivery's own row has. */
const lastOf = (row: ShownRow): EndedAttempt | undefined =>
  row.last_attempt_at === null
    ? undefined
    : endedAttempt({
        number: row.attempts,
        at: row.last_attempt_at,
        duration_ms: row.last_duration_ms,
        status: row.last_status,
        error: row.last_error,
        answer: row.last_answer,
      })

const endedAttempt = ({ number, at, duration_ms, status, error, answer }: AttemptRow): EndedAttempt => ({
  number,
  at,
  durationMs: duration_ms ?? undefined,
  status: status ?? undefined,
  error: error ?? undefined,
  answer: answer ?? undefined,
})

/** The partner's own delivery, which nobody else changes until the transaction ends. */
const lockedDelivery = (sql: TransactionSql, partner: PartnerId, { endpoint, event }: DeliveryName) => sql<
  Array<{ readonly state: DeliveryState; readonly of_endpoint: string }>
>`
  select webhook_deliveries.*, webhook_endpoints.state as of_endpoint from webhook_deliveries
  join webhook_endpoints on webhook_endpoints.id = webhook_deliveries.endpoint and webhook_endpoints.partner = ${partner}
  where webhook_deliveries.endpoint = ${endpoint} and webhook_deliveries.event_id = ${event}
  for update of webhook_deliveries`

const resend = async (
  sql: TransactionSql,
  partner: PartnerId,
  name: DeliveryName,
  by: Actor,
): Promise<DeliveryState | typeof DISABLED | undefined> => {
  const [found] = await lockedDelivery(sql, partner, name)
  if (found === undefined) return undefined
  if (found.of_endpoint === DISABLED) return DISABLED
  if (found.state === "pending")
    // Before its first attempt it is due, or an attempt is under way: nothing can be hurried.
    await sql`
      update webhook_deliveries set next_attempt_at = now()
      where event_id = ${name.event} and endpoint = ${name.endpoint}
        and attempts > attempts_before and next_attempt_at > now()`
  else await sendAgain(sql, lockedDelivery(sql, partner, name))
  await writeAudit(sql, by, {
    act: "webhook-delivery.resend",
    subject: `webhook-endpoint:${name.endpoint}`,
    before: { event: name.event, state: found.state },
    after: { event: name.event, state: "pending" },
  })
  return found.state
}

/** What was given up for an endpoint, and was stored in a time: the oldest, which nobody else changes until the transaction ends. */
export const deadOnes = (sql: Sql | TransactionSql, endpoint: string, from: string, to: string) => sql`
  select * from webhook_deliveries
  where endpoint = ${endpoint} and state = 'dead'
    and created_at >= ${from}::text::timestamptz and created_at < ${to}::text::timestamptz
  order by created_at, position
  limit ${REDRIVEN_PER_STEP}
  for update skip locked`

/** `undefined` if the partner has no such endpoint. */
const redriveSome = async (
  sql: TransactionSql,
  partner: PartnerId,
  endpoint: string,
  { since, until }: { readonly since?: number | undefined; readonly until?: number | undefined },
  by: Actor,
): Promise<number | typeof DISABLED | undefined> => {
  const [own] = await sql<Array<{ readonly state: string }>>`
    select state from webhook_endpoints where id = ${endpoint} and partner = ${partner}`
  if (own === undefined) return undefined
  if (own.state === DISABLED) return DISABLED
  const [from, to] = [timeText(since, "-infinity"), timeText(until, "infinity")]
  const { length: resent } = await sendAgain(sql, deadOnes(sql, endpoint, from, to))
  if (resent > 0)
    await writeAudit(sql, by, {
      act: "webhook-endpoint.redrive",
      subject: `webhook-endpoint:${endpoint}`,
      before: null,
      after: { partner, since: from, until: to, resent },
    })
  return resent
}
