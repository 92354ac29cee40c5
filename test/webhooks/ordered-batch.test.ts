/** An ordered endpoint behind JetStream: a batch that lacks an event, and one that is long. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { closingGaps } from "../../src/webhooks/closing-gaps.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { runEventConsumer } from "../../src/webhooks/event-consumer.ts"
import { endpointWith, idsOf } from "./paced-endpoints.ts"
import { startReceiver } from "./receiver.ts"
import { eventsOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const startProcess = Effect.gen(function* () {
  const wakeUps = yield* makeWakeUps
  const ahead = new ClaimedAhead()
  yield* Effect.forkScoped(runEventConsumer(wakeUps, ahead))
  yield* Effect.forkScoped(runDispatcher(wakeUps, undefined, ahead))
})

layer(webhookPlatform(), { excludeTestServices: true })("an ordered endpoint", (it) => {
  it.effect("gets what is behind a missing event once JetStream has delivered all that was before it", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      yield* endpointWith("missing", url, { ordered: true })
      const events = eventsOf("missing", 8)
      const there = events.filter((_, index) => index !== 2)
      yield* publish(there)
      yield* startProcess
      const deliveries = yield* Deliveries
      yield* until(Effect.map(deliveries.gaps, (gaps) => gaps.some(({ end }) => end === events.length + 1)))
      yield* until(Effect.sync(() => received.length === 2))
      const { stream } = (yield* AppConfig).nats
      const { jetstream } = yield* Nats
      const consumer = yield* Effect.promise(() => jetstream.consumers.get(stream, "webhooks"))
      yield* Effect.sleep(300)
      assert.lengthOf(received, 2)
      yield* Effect.forkScoped(closingGaps(consumer, { lookMs: 20, openMs: 100 }))
      yield* until(Effect.sync(() => received.length === there.length))
      assert.deepStrictEqual(
        received.map(({ headers }) => headers["webhook-id"]),
        [...idsOf(there)],
      )
    }),
  )

  it.effect("that answers gets a long batch in order, several deliveries for each claim", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      yield* endpointWith("long", url, { ordered: true })
      const events = eventsOf("long", 400)
      const deliveries = yield* Deliveries
      let claims = 0
      const counting = Deliveries.of({
        ...deliveries,
        claimPaced: (...of) =>
          Effect.tap(deliveries.claimPaced(...of), ({ claimed }) =>
            Effect.sync(() => {
              if (claimed.length > 0) claims += 1
            }),
          ),
      })
      yield* Effect.provideService(startProcess, Deliveries, counting)
      yield* publish(events)
      yield* until(Effect.sync(() => received.length === events.length))
      assert.deepStrictEqual(
        received.map(({ headers }) => headers["webhook-id"]),
        [...idsOf(events)],
      )
      assert.isAtMost(claims, events.length / 4)
    }),
  )
})
