/** When a channel admits no calls: its breaker, and the pauses that a provider asks for. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { beforeEach, vi } from "vitest"
import type { PolicyFields } from "../../../src/providers/calling/call-policy.ts"
import { ProviderUnavailable } from "../../../src/providers/calling/provider-error.ts"
import { PATIENCE_MS } from "../../patience.ts"
import {
  ask,
  askFour,
  asking,
  healthOf,
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
import { json, PATIENT_MS } from "./misbehaving-server.ts"

withServer()
beforeEach(() => {
  server.asked.length = 0
})

describe("the breaker of a provider", () => {
  it.live("opens, lets one call try when its time is over, and closes with its success", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(1_000))
      server.behaviour = ill
      yield* askFour(channel)
      const error = yield* Effect.flip(channel.call(terms(), asking()))
      assert.strictEqual(error.kind, "not-called")
      assert.isAbove(error.retryAfterMs ?? 0, 0)
      assert.strictEqual(server.asked.length, 4, "a channel with an open breaker admits no calls")

      let recover = () => {}
      server.behaviour = (response, asked) => {
        recover = () => {
          server.behaviour = well
          well(response, asked)
        }
      }
      const patient = Effect.forEach([1, 2, 3], () => ask(channel, { patienceMs: PATIENT_MS }), {
        concurrency: "unbounded",
      })
      const waiting = yield* Effect.forkChild(patient)
      yield* heard(5)
      assert.strictEqual(yield* healthOf(channel), "half-open")
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), asking()))).kind, "not-called")
      assert.strictEqual(channel.report(0).waiting, 2)
      assert.strictEqual(server.asked.length, 5, "one call tries, and all others wait for it")
      recover()
      yield* Fiber.join(waiting)
      assert.strictEqual(server.asked.length, 7)
      assert.strictEqual(channel.report(0).failures, 4, "those who wait leave the call that tries its time")
      assert.strictEqual(yield* healthOf(channel), "closed")
    }).pipe(withChannels),
  )

  it.live("opens also with a success that makes the calls enough to judge by", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(2_000))
      server.behaviour = ill
      yield* Effect.forEach([1, 2, 3], () => ask(channel), { discard: true })
      server.behaviour = well
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(channel.call(terms(), asking()))))
      assert.strictEqual(yield* healthOf(channel), "open")
      let turns = 0
      const turned = Effect.suspend(() => {
        turns += 1
        return Effect.succeed("yes")
      })
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), turned))).kind, "not-called")
      assert.strictEqual(yield* channel.call(terms({ patienceMs: PATIENT_MS }), turned), "yes")
      assert.strictEqual(turns, 1)
      assert.strictEqual(server.asked.length, 4)
    }).pipe(withChannels),
  )

  it.effect("holds nobody who looked at the time before a success, also of the call that tried", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(300))
      const answering = Effect.delay(Effect.succeed("yes"), 5)
      const answered = Effect.gen(function* () {
        const before = yield* Clock.currentTimeMillis
        const call = yield* Effect.forkChild(channel.call(terms(), answering))
        yield* TestClock.adjust(5)
        assert.strictEqual(yield* Fiber.join(call), "yes")
        return before
      })
      const failing = new ProviderUnavailable({ provider: "north", reason: "ill", kind: "server-error" })
      yield* TestClock.adjust(1)
      const busy = yield* answered
      assert.isAtMost(channel.admission.admitsAgainAt(busy), busy)
      for (const _ of [1, 2, 3]) yield* Effect.flip(channel.call(terms(), Effect.fail(failing)))
      assert.strictEqual(yield* healthOf(channel), "open")
      yield* TestClock.adjust(300)
      assert.strictEqual(yield* healthOf(channel), "half-open")
      const trying = yield* answered
      assert.strictEqual(yield* healthOf(channel), "closed")
      assert.isAtMost(channel.admission.admitsAgainAt(trying), trying)
    }).pipe(withChannels),
  )

  it.live("opens again when the call that tries fails, and a caller waits no longer than it can", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(100))
      server.behaviour = ill
      yield* askFour(channel)
      const calls = Effect.forEach([1, 2, 3, 4], () => ask(channel, { patienceMs: 250 }), {
        concurrency: "unbounded",
      })
      const failures = yield* Effect.flip(Effect.flatMap(calls, Effect.forEach(Effect.fromResult)))
      assert.strictEqual(failures._tag, "ProviderUnavailable")
      assert.isAtLeast(server.asked.length, 5)
      assert.isAtMost(server.asked.length, 7, "each time it was open, one call tried")
      assert.include(["open", "half-open"], yield* healthOf(channel))
    }).pipe(withChannels),
  )

  it.live("takes refusals for answers, and a call that was not made for nothing", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(200))
      for (const behaviour of [json(422, {}), json(409, {})]) {
        server.behaviour = behaviour
        yield* Effect.forEach(Array.from({ length: 8 }), () => ask(channel))
      }
      assert.strictEqual(yield* healthOf(channel), "closed")
      server.behaviour = ill
      yield* Effect.forEach(Array.from({ length: 8 }), () => ask(channel))
      assert.strictEqual(yield* healthOf(channel), "open")
      yield* Effect.promise(() =>
        vi.waitUntil(() => channel.admission.standing(Date.now()).health === "half-open", PATIENCE_MS),
      )
      const notMade = channel.call(terms({ outcomeOf: () => undefined }), Effect.succeed("not made"))
      assert.strictEqual(yield* notMade, "not made")
      assert.strictEqual(yield* healthOf(channel), "half-open")
    }).pipe(withChannels),
  )

  it.live("invites one transfer to try, and no other for a while", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel(quickBreaker(600_000))
      assert.strictEqual(channel.admission.invite(128, Date.now()), 128)
      server.behaviour = ill
      yield* askFour(channel)
      assert.strictEqual(channel.admission.invite(128, Date.now()), 0)
      const now = channel.admission.standing(Date.now()).until
      assert.strictEqual(channel.admission.standing(now - 1).health, "open")
      assert.strictEqual(channel.admission.standing(now).health, "half-open")
      assert.deepStrictEqual(
        [
          channel.admission.invite(128, now),
          channel.admission.invite(128, now),
          channel.admission.invite(128, now + 1_000),
        ],
        [1, 0, 1],
      )
    }).pipe(withChannels),
  )
})

describe("a provider that asks for a pause", () => {
  it.live.each([429, 503])("gets it from all callers, after the status %s", (status) =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ retries: { attemptsMax: 1 }, breaker: noBreaker })
      const pausedAt = Date.now()
      server.behaviour = json(status, {}, { "retry-after": "1" })
      yield* ask(channel)
      server.behaviour = well
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), asking()))).kind, "not-called")
      assert.strictEqual(server.asked.length, 1)
      assert.strictEqual(yield* channel.call(terms({ patienceMs: PATIENT_MS }), asking()), "yes")
      assert.isAtLeast(Date.now() - pausedAt, 1_000)
    }).pipe(withChannels),
  )

  it.effect("gets it also from those who waited for their turn when it asked", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ concurrency: 1, retries: { attemptsMax: 1 }, breaker: noBreaker })
      const asks = Deferred.makeUnsafe<void>()
      const busy = { provider: "north", reason: "busy", kind: "busy", retryAfterMs: 1_000 } as const
      const refused = Effect.andThen(Deferred.await(asks), Effect.fail(new ProviderUnavailable(busy)))
      yield* Effect.forkChild(Effect.exit(channel.call(terms(), refused)), { startImmediately: true })
      let calls = 0
      const answered = Effect.sync(() => {
        calls += 1
        return "yes"
      })
      const begin = (patienceMs: number) =>
        Effect.forkChild(Effect.result(channel.call(terms({ patienceMs }), answered)), {
          startImmediately: true,
        })
      const [patient, impatient] = [yield* begin(PATIENT_MS), yield* begin(0)]
      assert.strictEqual(channel.report(0).waiting, 2)
      yield* Deferred.succeed(asks, undefined)
      yield* TestClock.adjust(999)
      assert.strictEqual(calls, 0)
      const failure = yield* Effect.flip(Effect.flatMap(Fiber.join(impatient), Effect.fromResult))
      assert.strictEqual(failure.kind, "not-called")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Effect.flatMap(Fiber.join(patient), Effect.fromResult), "yes")
      assert.strictEqual(calls, 1)
    }).pipe(withChannels),
  )

  it.live("does not get more than the settings allow", () =>
    Effect.gen(function* () {
      const channel = yield* openChannel({ retries: { attemptsMax: 1 }, breaker: noBreaker, pauseMsMax: 100 })
      server.behaviour = json(503, {}, { "retry-after": "3600" })
      yield* ask(channel)
      server.behaviour = well
      assert.strictEqual(yield* channel.call(terms({ patienceMs: PATIENT_MS }), asking()), "yes")
    }).pipe(withChannels),
  )
})

describe("a channel whose clock is set back", () => {
  const DAY_MS = 86_400_000
  const answered = Effect.succeed("yes")
  const failing = (own: Partial<ProviderUnavailable> = {}) =>
    Effect.fail(new ProviderUnavailable({ provider: "north", reason: "ill", kind: "server-error", ...own }))
  const opened = (fields: PolicyFields) => Effect.andThen(TestClock.setTime(DAY_MS), openChannel(fields))

  it.effect("admits calls, as it did", () =>
    Effect.gen(function* () {
      const channel = yield* opened({})
      yield* TestClock.setTime(0)
      assert.strictEqual(yield* channel.call(terms(), answered), "yes")
    }).pipe(withChannels),
  )

  it.effect("tries a provider whose breaker is open", () =>
    Effect.gen(function* () {
      const channel = yield* opened(quickBreaker(1_000))
      for (const _ of [1, 2, 3, 4]) yield* Effect.flip(channel.call(terms(), failing()))
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), answered))).kind, "not-called")
      assert.strictEqual(channel.invite(1, DAY_MS + 1_000), 1)
      yield* TestClock.setTime(0)
      assert.strictEqual(yield* healthOf(channel), "half-open")
      assert.strictEqual(channel.invite(1, 0), 1, "the last invitation is not in the future")
      assert.strictEqual(yield* channel.call(terms(), answered), "yes")
      assert.strictEqual(yield* healthOf(channel), "closed")
    }).pipe(withChannels),
  )

  it.effect("keeps no place for longer", () =>
    Effect.gen(function* () {
      const channel = yield* opened({ ratePerSecond: 5 })
      assert.strictEqual(channel.invite(3, DAY_MS), 3)
      assert.strictEqual(channel.room(DAY_MS), 7)
      assert.strictEqual(channel.room(0), 10)
    }).pipe(withChannels),
  )

  it.effect("gives a provider no longer a pause than it may have", () =>
    Effect.gen(function* () {
      const channel = yield* opened({ retries: { attemptsMax: 1 }, breaker: noBreaker })
      yield* Effect.flip(channel.call(terms(), failing({ kind: "busy", retryAfterMs: 60_000 })))
      assert.strictEqual((yield* Effect.flip(channel.call(terms(), answered))).kind, "not-called")
      yield* TestClock.setTime(0)
      assert.strictEqual(yield* channel.call(terms(), answered), "yes")
      assert.isUndefined(channel.report(0).pausedUntil)
    }).pipe(withChannels),
  )
})
