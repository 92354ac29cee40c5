/** Calls through a channel: retries within a budget, and turns where a limit is shared. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Random } from "effect"
import { MaxOpsBeforeYield } from "effect/Scheduler"
import { TestClock } from "effect/testing"
import { beforeEach, vi } from "vitest"
import { drawnMs, ProviderChannels } from "../../../src/providers/calling/channel.ts"
import { FleetLimits } from "../../../src/providers/calling/fleet-limits.ts"
import { ProviderUnavailable } from "../../../src/providers/calling/provider-error.ts"
import { freshMetrics, Metrics } from "../../../src/telemetry/metrics.ts"
import { PATIENCE_MS } from "../../patience.ts"
import {
  ask,
  asking,
  heard,
  ill,
  noBreaker,
  openChannel,
  quickBreaker,
  server,
  terms,
  well,
  withChannels,
  withServer,
} from "./channel-under-test.ts"
import { type Behaviour, json, MisbehavingServer, silent } from "./misbehaving-server.ts"

withServer()
beforeEach(() => {
  server.asked.length = 0
})

describe("a call that failed", () => {
  it.live("is made again while that can help, and each pause is drawn by lot below one that doubles", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ retries: { attemptsMax: 4, baseMs: 1, capMs: 1 } })
      let failures = 3
      server.behaviour = (response, asked) => (failures-- > 0 ? ill : well)(response, asked)
      assert.strictEqual(yield* channel.call(terms(), asking()), "yes")
      assert.strictEqual(server.asked.length, 4)
    }).pipe(withChannels),
  )

  it.effect("comes back after exactly the time that was drawn", () =>
    Effect.gen(function* () {
      const retries = { attemptsMax: 4, baseMs: 1_000, capMs: 3_000 }
      const channel = yield* openChannel({ retries, breaker: noBreaker })
      const times: Array<number> = []
      const failing = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        times.push(now)
        return Effect.fail(new ProviderUnavailable({ provider: "north", reason: "ill", kind: "timed-out" }))
      })
      const calls = yield* Effect.forkChild(Effect.exit(channel.call(terms(), failing)))
      for (let ms = 0; ms < 7_000; ms += 1) yield* TestClock.adjust(1)
      yield* Fiber.join(calls)
      const lots = yield* Effect.all([Random.next, Random.next, Random.next]).pipe(Random.withSeed("lots"))
      const pauses = [1_000, 2_000, 3_000].map((most, n) => Math.floor(most * (lots[n] ?? 0)))
      assert.deepStrictEqual(
        times.slice(1).map((time, n) => time - (times[n] ?? 0)),
        pauses,
      )
    }).pipe(withChannels, Random.withSeed("lots")),
  )

  it("waits anything between nothing and the most, so that callers do not come back together", () => {
    const retries = { attemptsMax: 9, baseMs: 100, capMs: 1_000, budgetPercent: 20 }
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 9].map((n) => drawnMs(retries, n, 0.999_999)),
      [99, 199, 399, 799, 999, 999],
    )
    assert.deepStrictEqual(
      [1, 5].map((n) => drawnMs(retries, n, 0)),
      [0, 0],
    )
  })

  it.live("is made again within the budget only, however bad it is", () =>
    Effect.gen(function* () {
      const retries = { attemptsMax: 10, baseMs: 1, capMs: 1, budgetPercent: 20 }
      const channel = yield* openChannel({ retries, breaker: noBreaker })
      server.behaviour = ill
      yield* Effect.forEach(Array.from({ length: 50 }), () => ask(channel), {
        concurrency: 10,
        discard: true,
      })
      assert.strictEqual(server.asked.length, 50 + 10 + 50 * 0.2)
      assert.deepInclude(channel.report(0), { calls: 70, failures: 70, retries: 20, retriesLeft: 0 })
      const { registry } = yield* Metrics
      const text = yield* Effect.promise(() => registry.metrics())
      assert.include(
        text,
        'atlaspay_provider_calls_total{provider="north",step="inquiry",outcome="server-error"} 70',
      )
      assert.include(text, 'atlaspay_provider_retries_total{provider="north",step="inquiry"} 20')
      assert.include(text, 'atlaspay_provider_retries_denied_total{provider="north",step="inquiry"} 50')
    }).pipe(withChannels),
  )

  it.live("was not made, and earns no retry", () =>
    Effect.gen(function* () {
      const retries = { attemptsMax: 2, baseMs: 1, capMs: 1, budgetPercent: 100 }
      const channel = yield* openChannel({ retries, breaker: noBreaker })
      const first = channel.report(0).retriesLeft
      server.behaviour = well
      yield* ask(channel, { outcomeOf: () => undefined })
      assert.strictEqual(channel.report(0).retriesLeft, first)
      server.behaviour = json(429, {}, { "retry-after": "60" })
      yield* ask(channel, { repeatable: false })
      assert.strictEqual(channel.report(0).retriesLeft, first + 1)
      for (const _ of [1, 2, 3]) yield* ask(channel)
      assert.strictEqual(server.asked.length, 2, "while it pauses nobody calls it")
      assert.strictEqual(channel.report(0).retriesLeft, first + 1)
    }).pipe(withChannels),
  )

  it.live("counts as made again only when it was", () =>
    Effect.gen(function* () {
      const retries = { attemptsMax: 2, baseMs: 1, capMs: 1, budgetPercent: 100 }
      const channel = yield* openChannel({ retries, breaker: noBreaker })
      server.behaviour = json(429, {}, { "retry-after": "60" })
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), asking()))).kind, "not-called")
      assert.deepInclude(channel.report(0), { calls: 1, retries: 0 })
    }).pipe(withChannels),
  )

  it.live("is not made again when the answer would be the same", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ retries: { baseMs: 1 } })
      for (const behaviour of [json(404, {}), json(200, { said: 7 }), json(302, {})]) {
        server.behaviour = behaviour
        yield* ask(channel)
      }
      assert.strictEqual(server.asked.length, 3)
    }).pipe(withChannels),
  )

  it.live("that moves money is never made again, unless nothing can have been sent", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ retries: { baseMs: 1, attemptsMax: 3 }, breaker: noBreaker })
      const closed: Behaviour = (response) => response.socket?.resetAndDestroy()
      for (const behaviour of [ill, closed, json(429, {})]) {
        server.behaviour = behaviour
        yield* ask(channel, { repeatable: false })
      }
      assert.strictEqual(server.asked.length, 3)
      const nobody = yield* Effect.promise(() => MisbehavingServer.open())
      yield* Effect.promise(nobody.close)
      const error = yield* Effect.flip(channel.call(terms({ repeatable: false }), asking(nobody.url)))
      assert.strictEqual(error.kind, "not-connected")
      assert.deepInclude(channel.report(0), { calls: 6, retries: 2 })
    }).pipe(withChannels),
  )
})

/** Limits of all processes that let no call begin. */
const withoutTurns = Effect.provide([
  Layer.fresh(ProviderChannels.layer).pipe(
    Layer.provide(
      Layer.succeed(FleetLimits, { book: () => Effect.succeed({ seats: 0, starts: 0, waitMs: 0 }) }),
    ),
  ),
  freshMetrics,
])

describe("a turn", () => {
  it.live("is waited for by no more transfers than can be sent soon, where a limit is shared", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ ratePerSecond: 5 })
      assert.strictEqual(channel.room(0), 10)
      const calls = Effect.forEach([1, 2, 3, 4], () => ask(channel), { concurrency: "unbounded" })
      const waiting = yield* Effect.forkChild(calls)
      yield* Effect.promise(() => vi.waitUntil(() => channel.report(0).waiting === 4, PATIENCE_MS))
      assert.strictEqual(channel.room(0), 6)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(channel.room(0), 10)
    }).pipe(withoutTurns),
  )

  it.live("is given to no more than there is room for, also when many batches plan at the same moment", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ ratePerSecond: 5 })
      const now = yield* Clock.currentTimeMillis
      assert.deepStrictEqual([channel.room(now), channel.room(now)], [10, 10], "to look takes nothing")
      assert.deepStrictEqual(
        [channel.invite(8, now), channel.invite(8, now), channel.invite(8, now)],
        [8, 2, 0],
      )
      const calls = Effect.forEach([1, 2, 3, 4], () => ask(channel, { isInvited: true }), {
        concurrency: "unbounded",
      })
      const waiting = yield* Effect.forkChild(calls)
      yield* Effect.promise(() => vi.waitUntil(() => channel.report(now).waiting === 4, PATIENCE_MS))
      assert.strictEqual(channel.room(now), 0, "who has come has its place")
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(channel.room(now), 4)
      assert.strictEqual(channel.room(now + 4_999), 4)
      assert.strictEqual(channel.room(now + 5_000), 10, "who never comes keeps none")
    }).pipe(withoutTurns),
  )

  it.live("is kept for who was invited, whoever else comes, and whatever invitations are over", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ ratePerSecond: 5 })
      const now = yield* Clock.currentTimeMillis
      assert.deepStrictEqual([channel.invite(2, now - 6_000), channel.invite(3, now - 1_001)], [2, 3])
      const invited = yield* Effect.forkChild(ask(channel, { isInvited: true }))
      yield* Effect.promise(() => vi.waitUntil(() => channel.report(now).waiting === 1, PATIENCE_MS))
      assert.strictEqual(channel.room(now), 7, "it took its own place, not one that is over")
      const strangers = yield* Effect.forkChild(ask(channel))
      yield* Effect.promise(() => vi.waitUntil(() => channel.report(now).waiting === 2, PATIENCE_MS))
      assert.strictEqual(channel.room(now), 6, "who was not invited takes a place of its own")
      yield* Effect.all([Fiber.interrupt(invited), Fiber.interrupt(strangers)])
      assert.strictEqual(channel.room(now), 8)
    }).pipe(withoutTurns),
  )

  it.live("is given back by a caller that is interrupted, while it waits or while it has it", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ concurrency: 1 })
      server.behaviour = silent
      const call = Effect.forkChild(Effect.exit(channel.call(terms(), asking())))
      const first = yield* call
      yield* heard(1)
      const second = yield* call
      yield* Effect.promise(() => vi.waitUntil(() => channel.report(0).waiting === 1, PATIENCE_MS))
      yield* Fiber.interrupt(second)
      assert.strictEqual(channel.report(0).waiting, 0)
      yield* Fiber.interrupt(first)
      server.behaviour = well
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(channel.call(terms(), asking()))))
      assert.strictEqual(server.asked.length, 2)
    }).pipe(withChannels),
  )
})

it.effect("keeps no trace of a caller that is interrupted, at whatever step", () =>
  Effect.gen(function* () {
    const channel = yield* openChannel(quickBreaker(1))
    const failing = new ProviderUnavailable({ provider: "north", reason: "ill", kind: "server-error" })
    for (let call = 1; call <= 4; call++) yield* Effect.flip(channel.call(terms(), Effect.fail(failing)))
    let begun = false
    for (let steps = 0; !begun; steps++) {
      assert.isBelow(steps, 400, "the call begins at last")
      yield* TestClock.adjust(1)
      const begins = Effect.sync(() => {
        begun = true
        return "yes"
      })
      const caller = yield* Effect.forkChild(
        channel
          .call(terms(), Effect.tap(begins, Effect.never))
          .pipe(Effect.provideService(MaxOpsBeforeYield, 3)),
      )
      for (let step = 0; step < steps; step++) yield* Effect.yieldNow
      yield* Fiber.interrupt(caller)
      const later = (yield* Clock.currentTimeMillis) + 60_000
      assert.isBelow(
        channel.admission.admitsAgainAt(later),
        later,
        `somebody tries for ever, after ${steps} steps`,
      )
      assert.strictEqual(channel.report(later).waiting, 0, `somebody waits for ever, after ${steps} steps`)
    }
  }).pipe(withChannels),
)
