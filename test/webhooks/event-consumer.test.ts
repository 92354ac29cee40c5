import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { makeWakeUps } from "../../src/webhooks/dispatcher.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { keep, lingerMs, runEventConsumer } from "../../src/webhooks/event-consumer.ts"
import { layer as webhooks } from "../../src/webhooks/webhooks.ts"
import { startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, firstEventOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

it("messages that nobody takes are kept up to a limit, and given back for later beyond it", () => {
  const waiting: Array<{ readonly nak: (waitMs?: number) => void }> = []
  const given: Array<number | undefined> = []
  const message = { nak: (waitMs?: number) => void given.push(waitMs) }
  for (let nth = 1; nth <= 1_003; nth += 1) keep(message, waiting)
  expect(waiting).toHaveLength(1_000)
  expect(given).toEqual([1_000, 1_000, 1_000])
})

it("messages wait for more only while many come, and never those of a full group", () => {
  // Lone payouts, one after the other, have three events each, and take some 25 ms.
  expect(lingerMs(120, 1)).toBe(0)
  expect(lingerMs(750, 1)).toBe(20)
  expect(lingerMs(750, 255)).toBe(20)
  expect(lingerMs(750, 256)).toBe(0)
})

layer(webhookPlatform(), { excludeTestServices: true })("deliveries", (it) => {
  it.effect("that were claimed while their dispatcher ended are due at once", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const { endpoint } = yield* (yield* WebhookEndpoints).create({
        partner: "acme",
        url: "http://127.0.0.1:9/",
      })
      const ahead = new ClaimedAhead()
      ahead.onAdded = () => {}
      for (let nth = 0; nth < 100; nth += 1) ahead.took(endpoint.id, Date.now())
      let claimed = 0
      const ending = Deliveries.of({
        ...deliveries,
        record: (events, room) =>
          Effect.tap(deliveries.record(events, room), (stored) =>
            Effect.sync(() => {
              claimed += stored.claimed.length
              ahead.onAdded = undefined
            }),
          ),
      })
      const events = eventsOf("acme", 5)
      yield* publish(events)
      yield* runEventConsumer(yield* makeWakeUps, ahead).pipe(
        Effect.provideService(Deliveries, ending),
        Effect.forkScoped,
      )
      yield* until(Effect.map(deliveryRows(endpoint.id), (rows) => rows.length === events.length))
      const due = new Set<string>()
      yield* until(
        Effect.map(
          deliveries.claim({ allotted: new Map([[endpoint.id, 100]]), leaseMs: 60_000 }),
          (found) => {
            for (const { eventId } of found) due.add(eventId)
            return due.size === events.length
          },
        ),
      )
      assert.isAbove(claimed, 0)
      assert.isFalse(ahead.has(endpoint.id))
    }),
  )

  it.effect("go out also after the dispatcher broke by a mistake of ours", () =>
    Effect.gen(function* () {
      const deliveries = yield* Deliveries
      const { received, url } = yield* startReceiver()
      yield* (yield* WebhookEndpoints).create({ partner: "mistaken", url })
      let looks = 0
      const breaking = Deliveries.of({
        ...deliveries,
        waiting: (...of) => {
          looks += 1
          return looks === 1 ? Effect.die(new Error("a mistake")) : deliveries.waiting(...of)
        },
      })
      yield* Effect.provideService(Layer.build(webhooks), Deliveries, breaking)
      yield* until(Effect.sync(() => looks > 0))
      yield* publish([firstEventOf("mistaken")])
      yield* until(Effect.sync(() => received.length === 1))
    }),
  )
})
