/** Endpoints that are gone or at which nothing arrives, with real servers: what becomes of them, and whom it is reported to. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Webhook } from "standardwebhooks"
import { expect, it } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { endpointEventTypes } from "../../src/publisher/endpoint-event.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { publicEventTypes } from "../../src/publisher/public-event.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { EndpointHealth, KnownHealth } from "../../src/webhooks/endpoint-health.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layerWith } from "../../src/webhooks/webhooks.ts"
import { startReceiver, status } from "./receiver.ts"
import { deliveryRows, eventsOf, firstEventOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const HOUR_MS = 3_600_000
const DISABLE_AFTER_MS = 100 * HOUR_MS
const platform = layerWith([40, 40]).pipe(
  Layer.provideMerge(webhookPlatform({ WEBHOOK_DISABLE_AFTER_MS: String(DISABLE_AFTER_MS) })),
  Layer.provideMerge(freshMetrics),
)

const create = Effect.fnUntraced(function* (partner: string, url: string) {
  return yield* (yield* WebhookEndpoints).create({ partner, url })
})

const stateOf = Effect.fnUntraced(function* (partner: string, endpoint: string) {
  return yield* (yield* WebhookEndpoints).find(partner, endpoint)
})

/** Sets back when things happened to an endpoint. */
const shift = (endpoint: string, hours: number) =>
  Effect.flatMap(Postgres, ({ query }) =>
    query(
      "set back",
      (sql) => sql`
        update webhook_endpoints set failing_since = failing_since - ${hours} * interval '1 hour',
          failing_notified_at = failing_notified_at - ${hours} * interval '1 hour'
        where id = ${endpoint}`,
    ),
  )

/** What the audit trail has of an endpoint that was disabled. */
const disablings = (endpoint: string) =>
  Effect.flatMap(Postgres, ({ query }) =>
    query(
      "read the trail",
      (sql) => sql`
        select who, before->>'state' as before, after->>'state' as after, after->>'reason' as reason from audit_trail
        where subject = ${`webhook-endpoint:${endpoint}`} and act = 'webhook-endpoint.disable'`,
    ),
  ).pipe(Effect.map((rows) => rows.map((row) => ({ ...row }))))
const byService = { who: "service:webhooks", before: "active", after: "disabled" }

/** The events about endpoints of a partner on NATS, which have our seal. */
const noticesOnNats = Effect.fnUntraced(function* (partner: string) {
  const settings = yield* AppConfig
  const { stream } = settings.nats
  const { manager } = yield* Nats
  const found: Array<unknown> = []
  for (const name of ["WebhookEndpointFailing", "WebhookEndpointDisabled"]) {
    const subject = `${stream.toLowerCase()}.events.${partner}.webhooks.${name}`
    const message = yield* Effect.promise(async () =>
      manager.streams.getMessage(stream, { last_by_subj: subject }).catch(() => null),
    )
    if (message === null) continue
    const { header: headers, data } = message
    const text = new TextDecoder().decode(data)
    const read = eventMessages(settings).readNotice({ subject, headers, string: () => text })
    if (read._tag === "Success") found.push(read.success)
  }
  return found
})

const counted = Effect.fnUntraced(function* (name: "webhookEndpointsDisabled" | "webhookMessagesRefused") {
  const metrics = yield* Metrics
  return (yield* Effect.promise(async () => metrics[name].get())).values
})

layer(platform, { excludeTestServices: true })("an endpoint", (it) => {
  it.effect("that answers 410 is disabled at once, and its partner is notified elsewhere", () =>
    Effect.gen(function* () {
      const gone = yield* startReceiver(status(410))
      const other = yield* startReceiver()
      const { endpoint } = yield* create("leaving", gone.url)
      const watching = yield* create("leaving", other.url)
      yield* publish(eventsOf("leaving", 20))
      yield* until(
        Effect.map(
          deliveryRows(endpoint.id),
          (rows) => rows.length > 0 && rows.every((row) => row.state === "dead"),
        ),
      )
      const disabled = yield* stateOf("leaving", endpoint.id)
      assert.deepInclude(disabled, { state: "disabled", reason: "gone" })
      assert.deepStrictEqual(yield* disablings(endpoint.id), [{ ...byService, reason: "gone" }])
      const noticed = () =>
        other.received.filter(({ body }) => body.includes(endpointEventTypes.WebhookEndpointDisabled))
      yield* until(Effect.sync(() => noticed().length > 0))
      const [notice] = noticed()
      const headers = notice?.headers as Record<string, string>
      const event = new Webhook(watching.secret).verify(notice?.body ?? "", headers)
      assert.deepNestedInclude(event, {
        id: `${endpoint.id}:disabled:${disabled.since.getTime()}`,
        "data.endpoint": endpoint.id,
        "data.reason": "gone",
        "data.host": new URL(gone.url).host,
      })
      yield* until(Effect.map(noticesOnNats("leaving"), (found) => found.length === 1))
      assert.deepStrictEqual(yield* noticesOnNats("leaving"), [event])

      // The inbox has passed the notice once an event behind it has arrived. No endpoint gets it twice, and nobody a refusal.
      const later = firstEventOf("leaving")
      yield* publish([later])
      yield* until(
        Effect.sync(() => other.received.some(({ headers }) => headers["webhook-id"] === later.id)),
      )
      assert.lengthOf(noticed(), 1)
      assert.deepStrictEqual(yield* counted("webhookMessagesRefused"), [])
      assert.isFalse((yield* deliveryRows(endpoint.id)).some((row) => row.event_id === later.id))
      assert.isAtMost(gone.received.length, 20)
    }),
  )

  it.effect("that is gone is judged by attempts to its present URL, after it was last resumed", () =>
    Effect.gen(function* () {
      const endpoints = yield* WebhookEndpoints
      const { failed } = yield* EndpointHealth
      const url = "http://127.0.0.1:9/judged"
      const { endpoint } = yield* create("judged", url)
      const before = Date.now() - 1_000
      assert.isFalse(yield* failed(endpoint.id, { url, at: before, gone: true }), "it was not there")
      assert.isFalse(yield* failed(endpoint.id, { url: `${url}/old`, at: Date.now(), gone: true }))
      assert.isFalse(yield* failed(endpoint.id, { url: `${url}/old`, at: Date.now(), gone: false }))
      assert.notProperty(yield* endpoints.find("judged", endpoint.id), "failingSince")
      assert.isTrue(yield* failed(endpoint.id, { url, at: Date.now(), gone: true }))
      const disabled = yield* endpoints.find("judged", endpoint.id)
      assert.isTrue(yield* failed(endpoint.id, { url, at: Date.now(), gone: true }), "it is disabled already")
      assert.deepStrictEqual(yield* endpoints.find("judged", endpoint.id), disabled)
    }),
  )

  it.effect(
    "at which nothing arrives is disabled after all of the time, and its partner knows at half of it",
    () =>
      Effect.gen(function* () {
        const { sweep } = yield* EndpointHealth
        const broken = yield* startReceiver(status(500))
        const other = yield* startReceiver()
        const { endpoint } = yield* create("failing", broken.url)
        yield* (yield* WebhookEndpoints).create({
          partner: "failing",
          url: other.url,
          eventTypes: [endpointEventTypes.WebhookEndpointFailing, endpointEventTypes.WebhookEndpointDisabled],
        })
        const uninterested = yield* (yield* WebhookEndpoints).create({
          partner: "failing",
          url: `${other.url}/settled`,
          eventTypes: [publicEventTypes.PayoutSettled],
        })
        // One event: all its attempts end long before the time does.
        yield* publish([firstEventOf("failing")])
        yield* until(Effect.map(deliveryRows(endpoint.id), ([row]) => row?.state === "dead"))
        yield* until(
          Effect.map(stateOf("failing", endpoint.id), ({ failingSince }) => failingSince !== undefined),
        )
        yield* shift(endpoint.id, 49)
        yield* sweep
        assert.lengthOf(other.received, 0)
        yield* shift(endpoint.id, 2)
        yield* sweep
        yield* sweep
        yield* until(Effect.sync(() => other.received.length === 1))
        const { failingSince = new Date(0) } = yield* stateOf("failing", endpoint.id)
        const [warning] = other.received
        assert.deepNestedInclude(JSON.parse(warning?.body ?? ""), {
          type: endpointEventTypes.WebhookEndpointFailing,
          id: `${endpoint.id}:failing:${failingSince.getTime()}`,
          "data.failingSince": failingSince.toISOString(),
        })
        yield* shift(endpoint.id, 48)
        yield* sweep
        assert.strictEqual((yield* stateOf("failing", endpoint.id)).state, "active")
        yield* shift(endpoint.id, 3)
        yield* sweep
        assert.deepInclude(yield* stateOf("failing", endpoint.id), { state: "disabled", reason: "failing" })
        assert.deepStrictEqual(yield* disablings(endpoint.id), [{ ...byService, reason: "failing" }])
        yield* until(Effect.sync(() => other.received.length === 2))
        assert.include(other.received[1]?.body, endpointEventTypes.WebhookEndpointDisabled)
        assert.lengthOf(yield* deliveryRows(uninterested.endpoint.id), 0)
        yield* until(Effect.map(noticesOnNats("failing"), (found) => found.length === 2))
        assert.deepInclude(yield* counted("webhookEndpointsDisabled"), {
          labels: { reason: "failing" },
          value: 1,
        })
      }),
  )

  it.effect("is not disabled before its partner knew for half of the time, however long nobody looked", () =>
    Effect.gen(function* () {
      const { sweep, failed } = yield* EndpointHealth
      const url = "http://127.0.0.1:9/unseen"
      const { endpoint } = yield* create("unseen", url)
      yield* failed(endpoint.id, { url, at: Date.now(), gone: false })
      yield* shift(endpoint.id, 1_000)
      yield* sweep
      yield* sweep
      assert.strictEqual((yield* stateOf("unseen", endpoint.id)).state, "active")
      yield* shift(endpoint.id, 51)
      yield* sweep
      assert.strictEqual((yield* stateOf("unseen", endpoint.id)).state, "disabled")
    }),
  )

  it.effect("is not failing any more once a delivery arrives, also in a process that saw no failure", () =>
    Effect.gen(function* () {
      const { failed } = yield* EndpointHealth
      const healthy = yield* startReceiver()
      const { endpoint } = yield* create("recovering", healthy.url)
      yield* failed(endpoint.id, { url: healthy.url, at: Date.now(), gone: false })
      assert.property(yield* stateOf("recovering", endpoint.id), "failingSince")
      yield* publish([firstEventOf("recovering")])
      yield* until(
        Effect.map(stateOf("recovering", endpoint.id), ({ failingSince }) => failingSince === undefined),
      )
    }),
  )

  it.effect("that is paused does not age", () =>
    Effect.gen(function* () {
      const { sweep, failed } = yield* EndpointHealth
      const url = "http://127.0.0.1:9/resting"
      const { endpoint } = yield* create("resting", url)
      yield* failed(endpoint.id, { url, at: Date.now(), gone: false })
      yield* (yield* WebhookEndpoints).setState("resting", endpoint.id, "paused")
      yield* shift(endpoint.id, 1_000)
      const before = yield* stateOf("resting", endpoint.id)
      yield* sweep
      assert.deepStrictEqual(yield* stateOf("resting", endpoint.id), before)
    }),
  )

  it.effect("is counted by its state", () =>
    Effect.gen(function* () {
      const { counts } = yield* EndpointHealth
      const count = yield* counts
      assert.isAbove(count.get("active") ?? 0, 0)
      assert.isAbove(count.get("disabled") ?? 0, 0)
      assert.strictEqual(count.get("paused"), 1)
    }),
  )

  it.effect("gets a test event that is asked for, in whatever state it is, and no other endpoint does", () =>
    Effect.gen(function* () {
      const endpoints = yield* WebhookEndpoints
      const { query } = yield* Postgres
      const tested = yield* startReceiver()
      const other = yield* startReceiver()
      const { endpoint, secret } = yield* create("testing", tested.url)
      yield* create("testing", other.url)
      for (const [nth, state] of (["active", "paused", "disabled"] as const).entries()) {
        yield* endpoints.setState("testing", endpoint.id, state)
        const { event } = yield* endpoints.test("testing", endpoint.id)
        const tooSoon = yield* Effect.flip(endpoints.test("testing", endpoint.id))
        assert.strictEqual(tooSoon._tag, "TestedTooOften")
        yield* until(Effect.sync(() => tested.received.length === nth + 1))
        const { body = "", headers } = tested.received[nth] ?? {}
        assert.deepInclude(new Webhook(secret).verify(body, headers as Record<string, string>), {
          id: event,
          type: "com.atlaspay.webhook-endpoint.test.v1",
          subject: endpoint.id,
        })
        yield* until(
          Effect.map(deliveryRows(endpoint.id), (rows) =>
            rows.some((row) => row.event_id === event && row.state === "delivered"),
          ),
        )
        yield* query(
          "let time pass",
          (sql) => sql`update webhook_endpoints set tested_at = null where id = ${endpoint.id}`,
        )
      }
      assert.isFalse(other.received.some(({ body }) => body.includes("webhook-endpoint.test.v1")))
      const foreign = yield* Effect.flip(endpoints.test("globex", endpoint.id))
      assert.strictEqual(foreign._tag, "NoSuchEndpoint")
    }),
  )
})

it("of many failures of an endpoint one is noted, and of what arrives only the end of failures", () => {
  const known = new KnownHealth()
  const delivery = { endpoint: "we_1" }
  expect(known.isNews("we_1", 0)).toBe(true)
  known.arrived(delivery)
  expect(known.takeRecovered()).toEqual([])
  known.noted("we_1", 0)
  expect(known.isNews("we_1", 1_000)).toBe(false)
  expect(known.isNews("we_1", 60_000)).toBe(true)
  known.arrived(delivery)
  expect(known.isNews("we_1", 1_000)).toBe(true)
  expect(known.takeRecovered()).toEqual(["we_1"])
  expect(known.takeRecovered()).toEqual([])
  known.arrived({ endpoint: "we_2", failing: true })
  const recovered = known.takeRecovered()
  known.restore(recovered)
  expect(known.takeRecovered()).toEqual(["we_2"])
})
