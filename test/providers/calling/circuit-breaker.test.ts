/** The breaker of a channel, compared with Effect's on random stories of calls. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { CircuitBreaker as EffectBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { type CallOutcome, CircuitBreaker } from "../../../src/providers/calling/circuit-breaker.ts"
import { fc, ofAllExamples } from "../../property.ts"

const policies = fc.record({
  failurePercent: fc.integer({ min: 1, max: 100 }),
  calls: fc.integer({ min: 1, max: 6 }),
  callsMin: fc.integer({ min: 1, max: 6 }),
  openMs: fc.integer({ min: 1, max: 20 }),
})
type Policy = typeof policies extends fc.Arbitrary<infer P> ? P : never

/** A call begins, one of those under way ends, or time passes. */
const steps = fc.array(
  fc.oneof(
    fc.constant({ _tag: "begin" as const }),
    fc.record({
      _tag: fc.constant("end" as const),
      which: fc.nat(20),
      outcome: fc.constantFrom<CallOutcome>("success", "failure", "failure", "ignored"),
    }),
    fc.record({ _tag: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 60 }) }),
  ),
  { minLength: 20, maxLength: 60 },
)

const outcomes = {
  success: EffectBreaker.success,
  failure: EffectBreaker.failure(),
  ignored: EffectBreaker.ignored,
}
const healths = { Closed: "closed", HalfOpen: "half-open", Open: "open" } as const

const effectBreaker = ({ failurePercent, calls, callsMin, openMs }: Policy) =>
  EffectBreaker.make({
    tripPolicy: EffectBreaker.rate({
      threshold: failurePercent / 100,
      size: calls,
      minimumCalls: Math.min(callsMin, calls),
    }),
    openDuration: openMs,
  })

/** A call by Effect's breaker that ends when a test says so; `undefined` if it was not admitted. */
const begun = Effect.fnUntraced(function* (breaker: EffectBreaker.CircuitBreaker) {
  let end: (outcome: CallOutcome) => void = () => {}
  const call = Effect.callback<CallOutcome>((resume) => {
    end = (outcome) => resume(Effect.succeed(outcome))
  }).pipe(
    breaker.execute({
      key: "bank",
      classify: (exit) => (Exit.isSuccess(exit) ? outcomes[exit.value] : EffectBreaker.ignored),
    }),
  )
  const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
  if (fiber.pollUnsafe() !== undefined) return undefined
  return (outcome: CallOutcome) =>
    Effect.suspend(() => {
      end(outcome)
      return Fiber.join(fiber)
    })
})

describe("the breaker of a channel", () => {
  it.effect("admits, opens and closes as Effect's does", () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      for (const [policy, story] of fc.sample(fc.tuple(policies, steps), 400)) {
        const own = new CircuitBreaker(policy)
        const theirs = yield* effectBreaker(policy).pipe(Effect.provide(EffectBreaker.layerStoreMemory()))
        const underWay: Array<{
          readonly admitted: number
          readonly end: (o: CallOutcome) => Effect.Effect<unknown>
        }> = []
        let now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        for (const step of story) {
          if (step._tag === "begin") {
            const end = yield* begun(theirs)
            const admitted = own.admit(now)
            assert.strictEqual(admitted === undefined, end === undefined, ofAllExamples("admits alike"))
            seen.add(admitted === undefined ? "refused" : "admitted")
            if (admitted !== undefined && end !== undefined) underWay.push({ admitted, end })
          } else if (step._tag === "end") {
            const [call] = underWay.splice(step.which % Math.max(underWay.length, 1), 1)
            if (call === undefined) continue
            yield* call.end(step.outcome)
            own.record(call.admitted, step.outcome, now)
          } else {
            yield* TestClock.adjust(step.ms)
            now += step.ms
          }
          const state = yield* theirs.state("bank")
          const { health, isTrying } = own.state(now)
          assert.strictEqual(health, healths[state._tag])
          assert.strictEqual(isTrying, state._tag === "HalfOpen" && state.probing)
          seen.add(health)
        }
        for (const { end } of underWay) yield* end("ignored")
      }
      assert.deepStrictEqual(
        [...seen].toSorted(),
        ["admitted", "closed", "half-open", "open", "refused"],
        ofAllExamples("the stories reach every state"),
      )
    }),
  )

  it("counts no call that was admitted before it opened", () => {
    const breaker = new CircuitBreaker({ failurePercent: 50, calls: 1, callsMin: 1, openMs: 10 })
    const [first, second] = [breaker.admit(0) ?? -1, breaker.admit(0) ?? -1]
    breaker.record(first, "failure", 1)
    const trial = breaker.admit(11) ?? -1
    breaker.record(second, "success", 12)
    assert.deepInclude(breaker.state(12), { health: "half-open", isTrying: true })
    breaker.record(trial, "success", 13)
    assert.strictEqual(breaker.state(13).health, "closed")
  })

  it("forgets its calls after an hour without any", () => {
    const breaker = new CircuitBreaker({ failurePercent: 50, calls: 4, callsMin: 4, openMs: 1_000 })
    const failing = (now: number) => breaker.record(breaker.admit(now) ?? -1, "failure", now)
    for (const now of [1, 2, 3]) failing(now)
    failing(3_600_003)
    assert.strictEqual(breaker.state(3_600_003).health, "closed")
    for (const now of [3_600_004, 3_600_005, 3_600_006]) failing(now)
    assert.strictEqual(breaker.state(3_600_006).health, "open")
    assert.strictEqual(breaker.state(3_601_006 + 3_600_000).health, "closed")
  })
})
