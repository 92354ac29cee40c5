/** An ordered endpoint behind JetStream: a batch that lacks an event, and one that is long. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Queue } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { closingGaps } from "../../src/webhooks/closing-gaps.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { runEventConsumer } from "../../src/webhooks/event-consumer.ts"
import { PAUSE_MS_MAX } from "../../src/webhooks/pauses.ts"
import { endpointWith, idsOf, record } from "./paced-endpoints.ts"
import { startReceiver } from "./receiver.ts"
import { eventsOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

/** A look that takes so long and finds nothing for an endpoint leaves it alone for the longest time that there is. */
const SLOW_LOOK_MS = 300
/** What arrives is recorded so late that a look at its end comes before. */
const SLOW_RECORD_MS = 200
/** Less than what an endpoint is left alone for. */
const ALONE_MS_MAX = PAUSE_MS_MAX / 2

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

  for (const meanwhile of [false, true])
    it.effect(
      `gets an event when the one before is recorded, which was found to hold it back ${meanwhile ? "at that moment" : "before"}`,
      () =>
        Effect.gen(function* () {
          const partner = `held-${meanwhile}`
          const looked = yield* Deferred.make<void>()
          const isRecorded = yield* Deferred.make<number>()
          // The look has not ended either when the dispatcher has heard of that.
          const afterRecord = Effect.andThen(Deferred.await(isRecorded), Effect.sleep(SLOW_RECORD_MS))
          const mayAnswer = Promise.withResolvers<void>()
          const receiver = yield* startReceiver(async (response, nth) => {
            if (nth === 1) await mayAnswer.promise
            response.writeHead(204).end()
          })
          yield* endpointWith(partner, receiver.url, { ordered: true })
          const [first, second] = eventsOf(partner, 5)
          assert(first !== undefined && second !== undefined)
          const deliveries = yield* Deliveries
          const watched = Deliveries.of({
            ...deliveries,
            claimPaced: (...of) =>
              Effect.tap(deliveries.claimPaced(...of), ({ claimed }) =>
                claimed.length > 0 || receiver.received.length !== 1
                  ? Effect.void
                  : Effect.sleep(SLOW_LOOK_MS).pipe(
                      Effect.andThen(Deferred.succeed(looked, undefined)),
                      Effect.andThen(meanwhile ? afterRecord : Effect.void),
                    ),
              ),
            delivered: (arrived) =>
              Effect.delay(deliveries.delivered(arrived), SLOW_RECORD_MS).pipe(
                Effect.tap(() => Deferred.succeed(isRecorded, performance.now())),
              ),
          })
          const wakeUps = yield* makeWakeUps
          yield* Effect.forkScoped(
            Effect.provideService(runDispatcher(wakeUps, undefined), Deliveries, watched),
          )
          yield* record([first])
          Queue.offerUnsafe(wakeUps, undefined)
          yield* until(Effect.sync(() => receiver.received.length === 1))
          yield* record([second])
          Queue.offerUnsafe(wakeUps, undefined)
          yield* Deferred.await(looked)
          mayAnswer.resolve()
          const recordedAt = yield* Deferred.await(isRecorded)
          yield* until(Effect.sync(() => receiver.received.length === 2))
          assert.isBelow(performance.now() - recordedAt, ALONE_MS_MAX)
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
