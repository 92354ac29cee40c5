/** Events about endpoints, from the outbox to NATS. */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Result } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { Nats } from "../../src/platform/nats.ts"
import { type EndpointEvent, endpointDisabled } from "../../src/publisher/endpoint-event.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { streamInfo } from "../../src/publisher/event-stream.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { EndpointHealth, KnownHealth } from "../../src/webhooks/endpoint-health.ts"
import { makeNoticePublisher, runEndpointKeeper } from "../../src/webhooks/endpoint-keeper.ts"
import { storeNotice } from "../../src/webhooks/endpoint-notices.ts"
import { until, webhookPlatform } from "./webhook-platform.ts"

const AGE_MS = 86_400_000

const noticeOf = (endpoint: string): EndpointEvent =>
  endpointDisabled(
    { id: endpoint, partner: "noticed", url: "https://noticed.test/hooks?token=secret" },
    { reason: "gone", since: new Date(1_000) },
  )

const store = Effect.fnUntraced(function* (event: EndpointEvent) {
  const { query } = yield* Database
  yield* query("store a notice", (sql) => sql.begin((sql) => storeNotice(sql, event)))
})

const waiting = Effect.gen(function* () {
  const { query } = yield* Database
  const rows = yield* query(
    "look",
    (sql) => sql<Array<{ event_id: string }>>`select event_id from webhook_outbox`,
  )
  return rows.map(({ event_id }) => event_id)
})

/** The ids of what the stream has. */
const published = Effect.gen(function* () {
  const settings = yield* AppConfig
  const { manager } = yield* Nats
  const { stream } = settings.nats
  const { state } = yield* streamInfo(manager, stream)
  const found: Array<string> = []
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = yield* Effect.promise(() => manager.streams.getMessage(stream, { seq }))
    assert(message !== null)
    const { subject, header, data } = message
    assert.notInclude(new TextDecoder().decode(data), "secret")
    const read = eventMessages(settings).readNotice({
      subject,
      headers: header,
      string: () => message.string(),
    })
    found.push(Result.getOrThrow(read).id)
  }
  return found
})

layer(webhookPlatform({ NATS_STREAM_AGE_MS_MAX: String(AGE_MS) }), {
  excludeTestServices: true,
  timeout: 30_000,
})("events about endpoints", (it) => {
  it.effect("wait for a stream, which gets the limits of the settings, and are then published once", () =>
    Effect.gen(function* () {
      const { manager } = yield* Nats
      const { stream } = (yield* AppConfig).nats
      const events = [noticeOf("we_one"), noticeOf("we_two")]
      for (const event of [...events, ...events]) yield* store(event)
      const publish = yield* makeNoticePublisher
      yield* Effect.flip(publish)
      assert.strictEqual((yield* waiting).length, 2)
      yield* publish
      assert.deepStrictEqual(yield* waiting, [])
      assert.deepStrictEqual(
        yield* published,
        events.map(({ id }) => id),
      )
      assert.strictEqual((yield* streamInfo(manager, stream)).config.max_age, AGE_MS * 1_000_000)

      // As after a process died before it emptied the outbox.
      yield* store(noticeOf("we_one"))
      yield* publish
      assert.strictEqual((yield* published).length, 2)
    }).pipe(Effect.scoped),
  )

  it.effect("hold up nothing else while the stream refuses them", () =>
    Effect.gen(function* () {
      const { manager } = yield* Nats
      const { stream } = (yield* AppConfig).nats
      yield* Effect.promise(() => manager.streams.update(stream, { max_msg_size: 16 }))
      yield* store(noticeOf("we_three"))
      const health = yield* EndpointHealth
      const clock = yield* Clock.Clock
      let isSwept = false
      const keeper = runEndpointKeeper(new KnownHealth(), new ClaimedAhead()).pipe(
        Effect.provideService(
          EndpointHealth,
          EndpointHealth.of({
            ...health,
            sweep: Effect.tap(health.sweep, () =>
              Effect.sync(() => {
                isSwept = true
              }),
            ),
          }),
        ),
        // It looks for endpoints that fail every ten seconds.
        Effect.provideService(
          Clock.Clock,
          Object.assign(Object.create(clock), { currentTimeMillis: Effect.sync(() => Date.now() * 20) }),
        ),
      )
      yield* Effect.raceFirst(keeper, until(Effect.sync(() => isSwept)))
      assert.strictEqual((yield* waiting).length, 1)
    }),
  )
})
