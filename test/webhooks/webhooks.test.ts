import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Webhook } from "standardwebhooks"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent, publicEventTypes } from "../../src/publisher/public-event.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layerWith } from "../../src/webhooks/webhooks.ts"
import { silence, startReceiver, status } from "./receiver.ts"
import { deliveryRows, eventsOf, firstEventOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const RETRY_DELAYS_MS = [40, 40, 40]
const platform = layerWith(RETRY_DELAYS_MS).pipe(
  Layer.provideMerge(webhookPlatform({ WEBHOOK_TIMEOUT_MS: "20000" })),
)

const newEndpoint = Effect.fnUntraced(function* (
  partner: string,
  url: string,
  eventTypes?: ReadonlyArray<(typeof publicEventTypes)[keyof typeof publicEventTypes]>,
) {
  const endpoints = yield* WebhookEndpoints
  return yield* endpoints.create({ partner, url, ...(eventTypes === undefined ? {} : { eventTypes }) })
})

layer(platform, { excludeTestServices: true })("webhooks", (it) => {
  it.effect("deliver each event once, signed so that the official library verifies it", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      const { secret, endpoint } = yield* newEndpoint("signed", url)
      const events = eventsOf("signed", 8)
      yield* publish([...events, ...events])
      yield* until(Effect.sync(() => received.length === events.length))
      const webhook = new Webhook(secret)
      const verified = received.map(({ body, headers }) =>
        webhook.verify(body, headers as Record<string, string>),
      )
      assert.sameDeepMembers(
        verified,
        events.map((event) => JSON.parse(encodePublicEvent(event))),
      )
      assert.sameMembers(
        received.map(({ headers }) => headers["webhook-id"]),
        events.map(({ id }) => id),
      )
      yield* until(
        Effect.map(deliveryRows(endpoint.id), (rows) => rows.every(({ state }) => state === "delivered")),
      )
      assert.lengthOf(received, events.length)
    }),
  )

  it.effect("are tried again under the same id until they are taken", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver(status(500, 302, 200))
      const { endpoint } = yield* newEndpoint("retried", url)
      const event = firstEventOf("retried")
      yield* publish([event])
      yield* until(Effect.map(deliveryRows(endpoint.id), ([row]) => row?.state === "delivered"))
      assert.deepStrictEqual(
        received.map(({ headers }) => headers["webhook-id"]),
        [event.id, event.id, event.id],
      )
      assert.deepInclude((yield* deliveryRows(endpoint.id))[0], {
        attempts: 3,
        last_status: 200,
        last_error: null,
      })
    }),
  )

  it.effect("are given up after the whole schedule, with the reason kept", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver(status(503))
      const { endpoint } = yield* newEndpoint("dead", url)
      yield* publish([firstEventOf("dead")])
      yield* until(Effect.map(deliveryRows(endpoint.id), ([row]) => row?.state === "dead"))
      assert.lengthOf(received, RETRY_DELAYS_MS.length + 1)
      assert.deepInclude((yield* deliveryRows(endpoint.id))[0], {
        attempts: RETRY_DELAYS_MS.length + 1,
        last_status: 503,
        last_error: "HTTP 503",
      })
    }),
  )

  it.effect("reach one endpoint while another never answers", () =>
    Effect.gen(function* () {
      const silent = yield* startReceiver(silence)
      const prompt = yield* startReceiver()
      const stuck = yield* newEndpoint("patient", silent.url)
      yield* newEndpoint("patient", prompt.url)
      const events = eventsOf("patient", 60)
      yield* publish(events)
      yield* until(Effect.sync(() => prompt.received.length === events.length))
      const delivered = (yield* deliveryRows(stuck.endpoint.id)).filter(({ state }) => state === "delivered")
      assert.lengthOf(delivered, 0)
      assert.isAtMost(silent.received.length, 16)
      yield* (yield* WebhookEndpoints).remove("patient", stuck.endpoint.id)
    }),
  )

  it.effect("tell a partner only its own events, and an endpoint only what it asked for", () =>
    Effect.gen(function* () {
      const filtered = yield* startReceiver()
      const disabled = yield* startReceiver()
      const stranger = yield* startReceiver()
      yield* newEndpoint("picky", filtered.url, [publicEventTypes.PayoutFailed])
      yield* newEndpoint("stranger", stranger.url)
      const off = yield* newEndpoint("picky", disabled.url)
      const { query } = yield* Postgres
      yield* query(
        "disable",
        (sql) => sql`update webhook_endpoints set enabled = false where id = ${off.endpoint.id}`,
      )
      yield* publish(eventsOf("picky"))
      const last = firstEventOf("stranger")
      yield* publish([last])
      yield* until(Effect.sync(() => stranger.received.length === 1 && filtered.received.length === 1))
      assert.include(filtered.received[0]?.body, publicEventTypes.PayoutFailed)
      assert.include(stranger.received[0]?.body, last.id)
      assert.lengthOf(disabled.received, 0)
    }),
  )

  it.effect("go on after a message that cannot be read, which is not asked for again", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      yield* newEndpoint("poisoned", url)
      const { stream } = (yield* AppConfig).nats
      const { jetstream, manager } = yield* Nats
      for (const poison of ["not json", '{"specversion":"1.0"}', ""]) {
        yield* Effect.promise(() => jetstream.publish(`${stream.toLowerCase()}.events.poisoned.x.Y`, poison))
      }
      yield* publish([firstEventOf("poisoned")])
      yield* until(Effect.sync(() => received.length === 1))
      yield* until(
        Effect.map(
          Effect.promise(() => manager.consumers.info(stream, "webhooks")),
          ({ num_ack_pending, num_pending }) => num_ack_pending === 0 && num_pending === 0,
        ),
      )
    }),
  )

  it.effect("hear only the status of an answer without end", () =>
    Effect.gen(function* () {
      const { url } = yield* startReceiver((response) => {
        response.writeHead(200)
        const flood = () => {
          while (response.write("x".repeat(16_384)));
        }
        response.on("drain", flood)
        flood()
      })
      const { endpoint } = yield* newEndpoint("flooded", url)
      yield* publish([firstEventOf("flooded")])
      yield* until(Effect.map(deliveryRows(endpoint.id), ([row]) => row?.state === "delivered"))
    }),
  )

  it.effect("go on when the stream was deleted and made anew", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      yield* newEndpoint("renewed", url)
      const { stream } = (yield* AppConfig).nats
      const { manager } = yield* Nats
      yield* Effect.promise(() => manager.streams.delete(stream))
      yield* publish([firstEventOf("renewed")])
      yield* until(Effect.sync(() => received.length === 1))
    }),
  )
})
