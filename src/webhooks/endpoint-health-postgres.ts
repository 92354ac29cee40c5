/** Endpoints' health in Postgres. Each change of a state is one transaction with the event that reports it. */
import { Clock, Effect, Layer } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { AppConfig } from "../config.ts"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { type DisabledReason, endpointDisabled, endpointFailing } from "../publisher/endpoint-event.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { EndpointHealth } from "./endpoint-health.ts"
import { storeNotice } from "./endpoint-notices.ts"
import { auditedEndpoint, type EndpointRow, endpointColumns } from "./endpoint-rows.ts"

/** Endpoints that one look notifies of or disables, and deliveries that it gives up in a step. */
const ENDPOINTS_PER_LOOK_MAX = 50
const DELIVERIES_PER_STEP_MAX = 1_000
/** Of an endpoint that is gone, so many steps are done at once, and the rest by looks. */
const STEPS_MAX = 20
/** Who disables endpoints here, as the audit trail names it. */
const SERVICE: Actor = { who: "service:webhooks" }

export const layer = Layer.effect(
  EndpointHealth,
  Effect.gen(function* () {
    const { disableAfterMs } = (yield* AppConfig).webhooks
    const { query } = yield* Database
    const { webhookEndpointsDisabled } = yield* Metrics

    const report = Effect.fnUntraced(function* (row: EndpointRow, reason: DisabledReason) {
      webhookEndpointsDisabled.inc({ reason })
      yield* Effect.logWarning("webhook endpoint disabled", {
        endpoint: row.id,
        partner: row.partner,
        reason,
      })
    })
    const giveUp = (endpoint?: string) =>
      query("give up deliveries of disabled endpoints", (sql) => giveUpSome(sql, endpoint ?? null))

    const giveUpAll = Effect.fnUntraced(function* (endpoint: string) {
      for (let step = 0; step < STEPS_MAX; step += 1)
        if ((yield* giveUp(endpoint)) < DELIVERIES_PER_STEP_MAX) return
    })

    return EndpointHealth.of({
      failed: Effect.fn("EndpointHealth.failed")(function* (endpoint, { url, at, gone }) {
        const agoMs = Math.max(0, (yield* Clock.currentTimeMillis) - at)
        if (gone) {
          const { row, isDisabled } = yield* query("disable a webhook endpoint that is gone", (sql) =>
            transaction(sql, "default", (sql) => disableGone(sql, { endpoint, url, agoMs })),
          )
          if (row === undefined) return isDisabled
          yield* report(row, "gone")
          yield* giveUpAll(endpoint)
          return true
        }
        yield* query(
          "note that a webhook endpoint fails",
          (sql) => sql`
            update webhook_endpoints set failing_since = now() - ${agoMs} * interval '1 millisecond'
            where id = ${endpoint} and url = ${url} and state = 'active' and failing_since is null`,
        )
        return false
      }),

      recovered: Effect.fn("EndpointHealth.recovered")(function* (endpoints) {
        if (endpoints.length === 0) return
        yield* query(
          "note that webhook endpoints answer",
          (sql) => sql`
            update webhook_endpoints set failing_since = null, failing_notified_at = null
            where id in (
              select id from webhook_endpoints
              where id = any (${[...endpoints]}::text[]) and failing_since is not null and state <> 'disabled'
              order by id for no key update)`,
        )
      }),

      sweep: Effect.gen(function* () {
        const failing = yield* query("look for webhook endpoints that fail", (sql) =>
          dueOnes(sql, disableAfterMs),
        )
        let notified = 0
        let disabled = 0
        for (const { id } of failing) {
          const done = yield* query("judge a webhook endpoint that fails", (sql) =>
            transaction(sql, "default", (sql) => judge(sql, id, disableAfterMs)),
          )
          if (done === undefined) continue
          if (done.state === "disabled") {
            disabled += 1
            yield* report(done, "failing")
          } else notified += 1
        }
        const givenUp = yield* giveUp()
        const more = failing.length === ENDPOINTS_PER_LOOK_MAX || givenUp === DELIVERIES_PER_STEP_MAX
        return { notified, disabled, givenUp, more }
      }).pipe(Effect.withSpan("EndpointHealth.sweep")),

      counts: query(
        "count webhook endpoints",
        (sql) => sql<Array<{ readonly state: string; readonly count: number }>>`
          select state, count(*)::int as count from webhook_endpoints group by state`,
      ).pipe(Effect.map((rows) => new Map(rows.map(({ state, count }) => [state, count])))),
    })
  }),
)

interface GoneAttempt {
  readonly endpoint: string
  readonly url: string
  readonly agoMs: number
}

/**
 * An attempt that was sent before the partner last resumed the endpoint, or to another URL, says nothing of it. Gives the row if this
 * disables it, and whether it is disabled.
 */
const disableGone = async (sql: TransactionSql, { endpoint, url, agoMs }: GoneAttempt) => {
  const before = await locked(sql, endpoint)
  const [row] = await sql<Array<EndpointRow>>`
    update webhook_endpoints set state = 'disabled', enabled = false, state_reason = 'gone', state_since = now(),
      version = version + 1
    where id = ${endpoint} and url = ${url} and state <> 'disabled'
      and state_since <= now() - ${agoMs} * interval '1 millisecond'
    returning ${endpointColumns(sql)}`
  if (row !== undefined && before !== undefined) await storeDisabled(sql, before, row, "gone")
  const isDisabled = row !== undefined || (before?.url === url && before.state === "disabled")
  return { row, isDisabled }
}

/** The row as it is until the end of the transaction, or until that changes it. */
const locked = async (sql: TransactionSql, endpoint: string): Promise<EndpointRow | undefined> => {
  const [row] = await sql<Array<EndpointRow>>`
    select ${endpointColumns(sql)} from webhook_endpoints where id = ${endpoint} for no key update`
  return row
}

/** Stores the notice to the partner and the entry in the audit trail. */
const storeDisabled = async (
  sql: TransactionSql,
  before: EndpointRow,
  row: EndpointRow,
  reason: DisabledReason,
) => {
  const [since, failingSince] = [row.state_since, row.failing_since ?? undefined]
  await storeNotice(sql, endpointDisabled(row, { reason, since, failingSince }))
  await writeAudit(sql, SERVICE, {
    act: "webhook-endpoint.disable",
    subject: `webhook-endpoint:${row.id}`,
    before: auditedEndpoint(before),
    after: { ...auditedEndpoint(row), reason },
  })
}

/** Half of the time without anything that arrived, and nobody was notified; or all of it, and somebody was for the other half. */
const isDue = (sql: Sql | TransactionSql, afterMs: number) => sql`
  state = 'active' and failing_since <= now() - ${afterMs / 2} * interval '1 millisecond' and (
    failing_notified_at is null
    or failing_notified_at <= now() - ${afterMs / 2} * interval '1 millisecond'
      and failing_since <= now() - ${afterMs}::float8 * interval '1 millisecond')`

const dueOnes = (sql: Sql, afterMs: number) => sql<Array<{ readonly id: string }>>`
  select id from webhook_endpoints where ${isDue(sql, afterMs)}
  order by failing_since, id limit ${ENDPOINTS_PER_LOOK_MAX}`

/** `undefined` if there is nothing to do any more. */
const judge = async (sql: TransactionSql, endpoint: string, afterMs: number) => {
  const before = await locked(sql, endpoint)
  if (before === undefined) return undefined
  const [row] = await sql<Array<EndpointRow & { readonly at: Date }>>`
    update webhook_endpoints set
      failing_notified_at = coalesce(failing_notified_at, now()),
      version = version + case when failing_notified_at is null then 0 else 1 end,
      state = case when failing_notified_at is null then 'active' else 'disabled' end,
      enabled = failing_notified_at is null,
      state_reason = case when failing_notified_at is null then null else 'failing' end,
      state_since = case when failing_notified_at is null then state_since else now() end
    where id = ${endpoint} and ${isDue(sql, afterMs)}
    returning ${endpointColumns(sql)}, now() as at`
  if (row === undefined) return undefined
  const { at, failing_since, state } = row
  if (state === "disabled") await storeDisabled(sql, before, row, "failing")
  else if (failing_since !== null) {
    const disabledAt = new Date(Math.max(failing_since.getTime() + afterMs, at.getTime() + afterMs / 2))
    await storeNotice(sql, endpointFailing(row, { at, failingSince: failing_since, disabledAt }))
  }
  return row
}

/**
 * Gives how many. What is claimed for its first attempt is left until the claim ends: it may be a test, or it arrives. A test that
 * is not claimed yet is left, too. The reason of an attempt that failed stays.
 */
const giveUpSome = async (sql: Sql, endpoint: string | null): Promise<number> => {
  const { count } = await sql`
    update webhook_deliveries as delivery set state = 'dead', last_error = coalesce(last_error, 'the endpoint is disabled')
    from (
      select event_id, endpoint from webhook_endpoints
      cross join lateral (
        select event_id, endpoint from webhook_deliveries as pending
        where pending.endpoint = webhook_endpoints.id and pending.state = 'pending'
          and (attempts > 0 or next_attempt_at <= now())
          and not exists (
            select from webhook_tests as test where test.event_id = pending.event_id and test.endpoint = pending.endpoint)
        limit ${DELIVERIES_PER_STEP_MAX}
        for update skip locked
      ) as found
      where webhook_endpoints.state = 'disabled' and (${endpoint}::text is null or webhook_endpoints.id = ${endpoint})
      limit ${DELIVERIES_PER_STEP_MAX}
    ) as found
    where delivery.event_id = found.event_id and delivery.endpoint = found.endpoint`
  return count
}
