import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { IntakePressure } from "../../src/platform/intake-pressure.ts"
import { restAfter } from "../../src/platform/intake-rest.ts"

/** Who rests under a pressure that a test turns on and off. */
class Resting {
  share = 0.1
  hasRested = false

  after(tookMs: number, restMsMax = 5_000) {
    return restAfter(tookMs, restMsMax).pipe(
      Effect.andThen(Effect.sync(() => (this.hasRested = true))),
      Effect.provideService(IntakePressure, { accepting: (handling) => handling, share: () => this.share }),
      Effect.forkChild,
    )
  }
}

describe("who is in no hurry", () => {
  it.effect.each([
    ["nine times as long as the step for a tenth of the time", 100, 5_000, 900],
    ["at most as long as it may", 10_000, 5_000, 5_000],
  ] as const)("rests %s", ([, tookMs, restMsMax, restMs]) =>
    Effect.gen(function* () {
      const resting = new Resting()
      yield* resting.after(tookMs, restMsMax)
      yield* TestClock.adjust(restMs - 1)
      assert.isFalse(resting.hasRested)
      yield* TestClock.adjust(1)
      assert.isTrue(resting.hasRested)
    }),
  )

  it.effect.each([
    ["without pressure", 1, 100, 5_000],
    ["when there is no time to rest", 0.1, 100, -10],
    ["when the clock was set back meanwhile", 0.1, -100, 5_000],
  ] as const)("does not rest %s", ([, share, tookMs, restMsMax]) =>
    Effect.gen(function* () {
      const resting = new Resting()
      resting.share = share
      yield* Fiber.await(yield* resting.after(tookMs, restMsMax))
      assert.isTrue(resting.hasRested)
    }),
  )

  it.effect("goes on soon after the pressure has ended", () =>
    Effect.gen(function* () {
      const resting = new Resting()
      yield* resting.after(500)
      yield* TestClock.adjust(1_000)
      resting.share = 1
      assert.isFalse(resting.hasRested)
      yield* TestClock.adjust(250)
      assert.isTrue(resting.hasRested)
    }),
  )
})
