/**
 * Looks after endpoints, in every process of the webhooks role: publishes the events about them on NATS, sends tests to those that
 * get no other deliveries, notes which of them answer again, and disables those at which nothing arrives. All steps are bounded, and
 * several processes may take them at once: an event that is published twice has the same id.
 */
import { Clock, Effect, Result } from "effect"
import { AppConfig } from "../config.ts"
import { Database } from "../database/database.ts"
import { makePublisher } from "../platform/jetstream-publisher.ts"
import { Nats } from "../platform/nats.ts"
import { decodeEndpointEvent } from "../publisher/endpoint-event.ts"
import { eventMessages } from "../publisher/event-message.ts"
import { ensureEventStream } from "../publisher/event-stream.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { ClaimedAhead } from "./claimed-ahead.ts"
import { Deliveries } from "./deliveries.ts"
import { leaseMsOf } from "./dispatcher.ts"
import { EndpointHealth, type KnownHealth } from "./endpoint-health.ts"
import { endpointStates } from "./endpoints.ts"

const EVERY_MS = 2_000
const SWEEP_EVERY_MS = 10_000
const PUBLISHED_AT_A_TIME_MAX = 64
const TESTS_AT_A_TIME_MAX = 16
const ACK_MS_MAX = 5_000

/**
 * Runs until it is interrupted. Fails if Postgres fails: nothing is lost, and it is begun again. While NATS does not answer or its stream is
 * full, only the publication waits.
 */
export const runEndpointKeeper = Effect.fnUntraced(function* (known: KnownHealth, ahead: ClaimedAhead) {
  const publishNotices = yield* makeNoticePublisher
  const { query } = yield* Database
  const look = query(
    "look for tests and events of endpoints",
    (sql) => sql<Array<{ readonly tests: boolean; readonly notices: boolean }>>`
      select exists (select from webhook_tests) as tests, exists (select from webhook_outbox) as notices`,
  )
  let sweptAt = yield* Clock.currentTimeMillis
  while (true) {
    yield* noteRecovered(known)
    const [found] = yield* look
    if (found?.tests) yield* startTests(ahead)
    if (found?.notices)
      yield* publishNotices.pipe(
        Effect.catchIf(
          ({ store }) => store === "nats",
          ({ step, reason }) =>
            Effect.logWarning("events about endpoints are not published yet", { step, reason }),
        ),
      )
    const now = yield* Clock.currentTimeMillis
    if (now - sweptAt >= SWEEP_EVERY_MS || now < sweptAt) {
      sweptAt = (yield* sweepAndCount) ? now - SWEEP_EVERY_MS : now
    }
    yield* nextBeat(EVERY_MS)
  }
}, Effect.scoped)

const noteRecovered = Effect.fnUntraced(function* (known: KnownHealth) {
  const recovered = known.takeRecovered()
  yield* (yield* EndpointHealth)
    .recovered(recovered)
    .pipe(Effect.onError(() => Effect.sync(() => known.restore(recovered))))
})

/** Hands tests of endpoints that get no other deliveries to the dispatcher. Without it they stay listed. */
const startTests = Effect.fnUntraced(function* (ahead: ClaimedAhead) {
  if (ahead.onAdded === undefined) return
  const leaseMs = leaseMsOf((yield* AppConfig).webhooks.timeoutMs)
  const now = yield* Clock.currentTimeMillis
  ahead.add(yield* (yield* Deliveries).claimTests(TESTS_AT_A_TIME_MAX, leaseMs), now)
})

/** Gives whether there is more to do. */
const sweepAndCount = Effect.gen(function* () {
  const { sweep, counts } = yield* EndpointHealth
  const { webhookEndpoints } = yield* Metrics
  const { more } = yield* sweep
  const count = yield* counts
  for (const state of endpointStates) webhookEndpoints.set({ state }, count.get(state) ?? 0)
  return more
})

interface OutboxRow {
  readonly position: string
  readonly event_id: string
  readonly body: string
}

/** Publishes what is in the outbox, the oldest first, and takes it out once JetStream has stored it. */
export const makeNoticePublisher = Effect.gen(function* () {
  const settings = yield* AppConfig
  const { stream, limits } = settings.nats
  const { query } = yield* Database
  const { connection, manager } = yield* Nats
  const { writeNotice } = eventMessages(settings)
  const publish = yield* makePublisher(connection, stream, ACK_MS_MAX)
  const next = query(
    "read the outbox of endpoints",
    (sql) => sql<Array<OutboxRow>>`
      select position::text, event_id, body from webhook_outbox order by position limit ${PUBLISHED_AT_A_TIME_MAX}`,
  )
  return Effect.gen(function* () {
    for (let rows = yield* next; rows.length > 0; rows = yield* next) {
      const at = yield* Clock.currentTimeMillis
      const messages = rows.flatMap(({ body }) => {
        const event = decodeEndpointEvent(body)
        return Result.isSuccess(event) ? [writeNotice(event.success, body, at)] : []
      })
      if (messages.length < rows.length)
        yield* Effect.logError("events about endpoints that this release cannot read are not published", {
          count: rows.length - messages.length,
          first: rows[0]?.event_id,
        })
      yield* publish(messages).pipe(
        Effect.tapErrorTag("StoreUnavailable", () => ensureEventStream(manager, stream, limits)),
      )
      const published = rows.map(({ position }) => position)
      yield* query(
        "empty the outbox of endpoints",
        (sql) => sql`delete from webhook_outbox where position = any (${published}::bigint[])`,
      )
    }
  })
})
