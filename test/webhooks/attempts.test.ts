import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
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

/** What becomes of an attempt, in order, in `story`. `record` is how the store answers when a failure is to be recorded. */
const attempt = (url: string, record: Effect.Effect<void, StoreUnavailable>, story: Array<string>) => {
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
      begin(deliveryTo(url), {
        arrived: ({ status }) => story.push(`arrived: ${status}`),
        failed: (_, gone) => story.push(gone ? "failed for good" : "failed"),
        over: () => {
          story.push("over")
          setImmediate(() => resume(Effect.void))
        },
      })
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
})
