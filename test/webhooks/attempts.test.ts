import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { Life, Lifecycle } from "../../src/platform/lifecycle.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { makeAttempts } from "../../src/webhooks/attempts.ts"
import { Deliveries, type Delivery } from "../../src/webhooks/deliveries.ts"
import { EndpointHealth, type FailedAttempt } from "../../src/webhooks/endpoint-health.ts"
import { type Answer, silence, startReceiver, status } from "./receiver.ts"

const deliveryTo = (url: string): Delivery => ({
  eventId: "pb_x:1",
  endpoint: "we_1",
  partner: "acme",
  host: "127.0.0.1",
  url,
  secret: Redacted.make("whsec_dGVzdC1zZWNyZXQtb2YtYS13ZWJob29rLWVuZHBvaW50ISE="),
  body: "{}",
  attempts: 0,
  dueAt: "",
  claimedUntil: "",
})

/** How many first attempts were timed, and the sum of the times in seconds. */
const timed = Effect.gen(function* () {
  const { firstWebhookSeconds } = yield* Metrics
  const { values } = yield* Effect.promise(() => firstWebhookSeconds.get())
  const ending = (suffix: string) => values.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0
  return { count: ending("_count"), seconds: ending("_sum") }
})

/** What becomes of an attempt, in order, in `story`. `record` is how the store answers when a failure is to be recorded. */
const attempt = (
  url: string,
  record: Effect.Effect<void, StoreUnavailable>,
  story: Array<string>,
  changes: Partial<Delivery> = {},
) => {
  const health = {
    failed: (endpoint: string, { gone }: FailedAttempt) =>
      Effect.sync(() => {
        if (gone) story.push(`${endpoint} is gone`)
        return gone
      }),
  } as Partial<EndpointHealth["Service"]> as EndpointHealth["Service"]
  const deliveries = {
    failed: (_: unknown, { reason }: { readonly reason: string }, retryInMs: number | undefined) =>
      Effect.andThen(
        Effect.sync(() => story.push(`recorded: ${reason}${retryInMs === undefined ? ", given up" : ""}`)),
        record,
      ),
  } as Partial<Deliveries["Service"]> as Deliveries["Service"]
  return Effect.gen(function* () {
    const begin = yield* makeAttempts({ timeoutMs: 2_000, allowPrivate: true }, [1_000])
    yield* Effect.callback<void>((resume) => {
      begin(
        { ...deliveryTo(url), ...changes },
        {
          arrived: ({ status }) => story.push(`arrived: ${status}`),
          failed: (_, gone) => story.push(gone ? "failed for good" : "failed"),
          over: () => {
            story.push("over")
            setImmediate(() => resume(Effect.void))
          },
        },
      )
    })
    return story
  }).pipe(
    Effect.provideService(Deliveries, deliveries),
    Effect.provideService(EndpointHealth, health),
    Effect.scoped,
  )
}

const storyOf = (url: string, record: Effect.Effect<void, StoreUnavailable> = Effect.void) =>
  attempt(url, record, [])

const storyWith = (answer: Answer, record?: Effect.Effect<void, StoreUnavailable>) =>
  Effect.flatMap(startReceiver(answer), ({ url }) => storyOf(url, record))

describe("the time from an event to its first webhook", () => {
  const bodyOf = (agoMs: number) =>
    JSON.stringify({
      id: "pb_x:1",
      time: new Date(Date.now() - agoMs).toISOString(),
      data: { time: "no time of ours" },
    })
  const countAfter = (answer: Answer, changes: Partial<Delivery>) =>
    Effect.gen(function* () {
      const { url } = yield* startReceiver(answer)
      yield* attempt(url, Effect.void, [], changes)
      return yield* timed
    }).pipe(Effect.provide(freshMetrics))

  it.live("is taken of a first attempt that arrives", () =>
    Effect.gen(function* () {
      const { count, seconds } = yield* countAfter(status(204), { body: bodyOf(30_000) })
      assert.strictEqual(count, 1)
      assert.isAtLeast(seconds, 30)
      assert.isBelow(seconds, 90)
    }),
  )

  it.live.each<readonly [string, Answer, Partial<Delivery>]>([
    ["a later attempt", status(204), { body: bodyOf(1_000), attempts: 1 }],
    ["one that fails", status(500), { body: bodyOf(1_000) }],
    ["a test", status(204), { body: bodyOf(1_000), isTest: true }],
    ["an event that is sent again long after", status(204), { body: bodyOf(3_700_000) }],
    [
      "an event without a time before its data",
      status(204),
      { body: '{"data":{"time":"2026-01-01T00:00:00Z"}}' },
    ],
  ])("is not taken of %s", ([, answer, changes]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* countAfter(answer, changes)).count, 0)
    }),
  )
})

describe("an attempt", () => {
  it.live("that arrived is over at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* storyWith(status(204)), ["arrived: 204", "over"])
    }),
  )

  it.live("that failed is over when that is recorded", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* storyWith(status(500)), ["failed", "recorded: HTTP 500", "over"])
    }),
  )

  it.live("at an endpoint that is gone disables it first, and is the last of its delivery", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* storyWith(status(410)), [
        "failed for good",
        "we_1 is gone",
        "recorded: HTTP 410, given up",
        "over",
      ])
    }),
  )

  it.live("is over also if its failure cannot be recorded", () =>
    Effect.gen(function* () {
      const down = Effect.fail(new StoreUnavailable({ store: "postgres", step: "record", reason: "DOWN" }))
      assert.deepStrictEqual(yield* storyWith(status(302), down), ["failed", "recorded: HTTP 302", "over"])
    }),
  )

  it.live("is over also if its address cannot be used", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* storyOf("no address"), ["over"])
    }),
  )

  it.live("is cut off when the scope closes, and nothing is done about it", () =>
    Effect.gen(function* () {
      const left = Promise.withResolvers<void>()
      const { url, received } = yield* startReceiver((response, nth) => {
        response.on("close", left.resolve)
        silence(response, nth)
      })
      const story: Array<string> = []
      const running = yield* Effect.forkChild(attempt(url, Effect.void, story))
      while (received.length === 0) yield* Effect.sleep(5)
      yield* Fiber.interrupt(running)
      yield* Effect.promise(() => left.promise)
      assert.deepStrictEqual(story, [])
    }),
  )

  it.live("is waited for and recorded when the process stops", () =>
    Effect.gen(function* () {
      const asked = Promise.withResolvers<() => void>()
      const { url } = yield* startReceiver((response) => asked.resolve(() => response.writeHead(500).end()))
      const story: Array<string> = []
      const life = new Life()
      const running = yield* Effect.forkChild(
        Effect.provideService(attempt(url, Effect.void, story), Lifecycle, life),
      )
      const answer = yield* Effect.promise(() => asked.promise)
      assert.deepStrictEqual(life.left, { "webhook attempts": 1 })
      life.stop()
      const stopping = yield* Effect.forkChild(Fiber.interrupt(running))
      yield* Effect.sleep(50)
      answer()
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(story, ["failed", "recorded: HTTP 500", "over"])
      assert.deepStrictEqual(life.left, {})
    }),
  )
})
