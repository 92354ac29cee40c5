/** What an endpoint asks for is kept to by the dispatcher: `Retry-After`, its limit, and a pause. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { change, endpointWith, record } from "./paced-endpoints.ts"
import { startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

const dispatch = Effect.gen(function* () {
  yield* Effect.forkScoped(runDispatcher(yield* makeWakeUps, [10, 10]))
})

/** In how many milliseconds each delivery of an endpoint is due, and for how long the endpoint is held. */
const schedule = Effect.fnUntraced(function* (endpoint: string) {
  const { query } = yield* Postgres
  return yield* query(
    "look at the schedule",
    (sql) => sql<Array<{ readonly in_ms: number; readonly attempts: number; readonly held_ms: number }>>`
      select 1000 * extract(epoch from next_attempt_at - now())::float8 as in_ms, attempts,
        1000 * extract(epoch from held_until - now())::float8 as held_ms
      from webhook_deliveries join webhook_endpoints on id = endpoint
      where endpoint = ${endpoint} and webhook_deliveries.state = 'pending' order by position`,
  )
})

layer(webhookPlatform({ WEBHOOK_TIMEOUT_MS: "20000" }), { excludeTestServices: true })(
  "an endpoint",
  (it) => {
    it.effect("that asks not to be called for an hour is not, and neither is another held up", () =>
      Effect.gen(function* () {
        const asking = yield* startReceiver((response) =>
          response.writeHead(429, { "retry-after": "3600" }).end(),
        )
        const failing = yield* startReceiver((response) =>
          response.writeHead(500, { "retry-after": "3600" }).end(),
        )
        const endpoint = yield* endpointWith("asks", asking.url, {})
        yield* endpointWith("fails", failing.url, {})
        yield* record(eventsOf("asks", 60))
        const events = eventsOf("fails", 5)
        yield* record(events)
        yield* dispatch
        yield* until(Effect.sync(() => failing.received.length === 3 * events.length))
        yield* until(
          Effect.map(
            schedule(endpoint),
            (rows) => rows.filter(({ attempts }) => attempts > 0).length === asking.received.length,
          ),
        )
        const begun = asking.received.length
        assert.isAtMost(begun, 16)
        yield* record(eventsOf("asks", 5))
        yield* Effect.sleep(1_500)
        assert.lengthOf(asking.received, begun)
        for (const { attempts, in_ms, held_ms } of yield* schedule(endpoint)) {
          assert.isAtLeast(held_ms, 3_600_000 - 30_000)
          if (attempts > 0) assert.isAtLeast(in_ms, 3_600_000 - 30_000)
        }
      }),
    )

    it.effect(
      "that asks for less than the schedule does not shorten it, nor get an attempt more or less",
      () =>
        Effect.gen(function* () {
          const { url, received } = yield* startReceiver((response) =>
            response.writeHead(503, { "retry-after": "1" }).end(),
          )
          const endpoint = yield* endpointWith("brief", url, {})
          yield* record(eventsOf("brief", 5).slice(0, 1))
          yield* Effect.forkScoped(runDispatcher(yield* makeWakeUps, [3_600_000]))
          yield* until(Effect.map(deliveryRows(endpoint), ([row]) => row?.attempts === 1))
          const [row] = yield* schedule(endpoint)
          assert.isAtLeast(row?.in_ms ?? 0, 0.85 * 3_600_000)
          assert.lengthOf(received, 1)
        }),
    )

    it.effect(
      "that asks for more than the schedule has as many attempts as it says, each when it asked",
      () =>
        Effect.gen(function* () {
          const times: Array<number> = []
          const { url } = yield* startReceiver((response) => {
            times.push(performance.now())
            response.writeHead(503, { "retry-after": "1" }).end()
          })
          const endpoint = yield* endpointWith("dies", url, {})
          yield* record(eventsOf("dies", 5).slice(0, 1))
          yield* dispatch
          yield* until(Effect.map(deliveryRows(endpoint), ([row]) => row?.state === "dead"))
          assert.lengthOf(times, 3)
          for (const [nth, at] of times.entries())
            if (nth > 0) assert.isAtLeast(at - (times[nth - 1] ?? 0), 1_000)
        }),
    )

    it.effect("with a limit gets its deliveries and retries within it, from two processes", () =>
      Effect.gen(function* () {
        const times: Array<number> = []
        const { url } = yield* startReceiver((response, nth) => {
          times.push(performance.now())
          response.writeHead(nth % 3 === 0 ? 500 : 204).end()
        })
        const endpoint = yield* endpointWith("limited", url, { rate_limit: 30 })
        const events = eventsOf("limited", 50)
        yield* record(events)
        const beganAt = performance.now()
        yield* dispatch
        yield* dispatch
        yield* until(
          Effect.map(deliveryRows(endpoint), (rows) => rows.every(({ state }) => state !== "pending")),
        )
        assert.isAbove(times.length, events.length)
        // A limit of 30 may be exceeded by 3 at most in a second. What a busy machine sends late adds to the next second.
        // So does what it sends late of the first ones, which therefore do not begin the time.
        const all = (times.at(-1) ?? 0) - beganAt
        assert.isAtMost(times.length, 30 * (all / 1_000) + 3 + 1)
        assert.isAtLeast(times.length, 3 * (all / 1_000), "but it is made use of")
      }),
    )

    it.effect("that is paused gets nothing more of what was claimed for it, until it is resumed", () =>
      Effect.gen(function* () {
        const answers: Array<() => void> = []
        const { url, received } = yield* startReceiver((response) =>
          answers.push(() => response.writeHead(204).end()),
        )
        const endpoint = yield* endpointWith("paused", url, {})
        yield* record(eventsOf("paused", 60))
        const ahead = new ClaimedAhead()
        for (let nth = 0; nth < 100; nth += 1) ahead.took(endpoint, Date.now())
        yield* Effect.forkScoped(runDispatcher(yield* makeWakeUps, [10], ahead))
        yield* until(Effect.sync(() => received.length === 16 && ahead.has(endpoint)))
        yield* change(endpoint, { state: "paused" })
        // What is not given back by then begins when these end.
        yield* Effect.raceFirst(until(Effect.sync(() => !ahead.has(endpoint))), Effect.sleep(3_500))
        for (const answer of answers.splice(0)) answer()
        yield* Effect.sleep(200)
        assert.lengthOf(received, 16)
        assert.isFalse(ahead.has(endpoint))
        yield* change(endpoint, { state: "active" })
        yield* until(Effect.sync(() => received.length > 16))
      }),
    )
  },
)
