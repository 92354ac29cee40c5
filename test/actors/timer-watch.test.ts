import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { TimerWatch } from "../../src/actors/timer-watch.ts"
import { untilNextBeatMs } from "../../src/telemetry/beat.ts"

/** Waits until the watch says that something is due, and gives when that was, in milliseconds from now. */
const waiting = Effect.fnUntraced(function* (watch: TimerWatch) {
  const beganAt = yield* Clock.currentTimeMillis
  const due = Effect.andThen(watch.due, Clock.currentTimeMillis)
  return yield* Effect.forkChild(
    Effect.map(due, (now) => now - beganAt),
    { startImmediately: true },
  )
})

/** Moves the clock just past a look at intervals, so that the next is two seconds away: when they are depends on when this process began. */
const nextLookIsFar = Effect.flatMap(untilNextBeatMs(2_000), TestClock.adjust)

/** A watch whose last look was so long ago that another one may follow at once. */
const lookedOnce = Effect.gen(function* () {
  yield* nextLookIsFar
  const watch = new TimerWatch()
  watch.looks((yield* Clock.currentTimeMillis) - 1_000)
  return watch
})

const inMs = (ms: number) => Effect.map(Clock.currentTimeMillis, (now) => now + ms)

describe("a worker looks for due timers", () => {
  it.effect("at once when it starts", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Fiber.join(yield* waiting(new TimerWatch())), 0)
    }),
  )

  it.effect("when the first one is due that it knows", () =>
    Effect.gen(function* () {
      const watch = yield* lookedOnce
      watch.set(yield* inMs(700))
      watch.set(yield* inMs(300))
      watch.set(yield* inMs(500))
      const due = yield* waiting(watch)
      yield* TestClock.adjust(299)
      assert.isUndefined(due.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(due), 300)
    }),
  )

  it.effect("also if it is set while it waits for a later one", () =>
    Effect.gen(function* () {
      const watch = yield* lookedOnce
      watch.set(yield* inMs(700))
      const due = yield* waiting(watch)
      yield* TestClock.adjust(100)
      watch.set(yield* inMs(50))
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(due), 150)
    }),
  )

  it.effect("every two seconds without any, because another worker may have died with its own", () =>
    Effect.gen(function* () {
      const watch = yield* lookedOnce
      const first = yield* waiting(watch)
      yield* TestClock.adjust(2_002)
      assert.isAtMost(yield* Fiber.join(first), 2_002)
      const beganAt = yield* Clock.currentTimeMillis
      for (let look = 0; look < 5; look += 1) {
        const next = yield* waiting(watch)
        yield* TestClock.adjust(2_002)
        yield* Fiber.join(next)
      }
      assert.isAtLeast((yield* Clock.currentTimeMillis) - beganAt, 10_000)
    }),
  )

  it.effect("a fifth of a second after the last look at the soonest", () =>
    Effect.gen(function* () {
      yield* nextLookIsFar
      const watch = new TimerWatch()
      watch.looks(yield* Clock.currentTimeMillis)
      watch.set(yield* inMs(50))
      const due = yield* waiting(watch)
      yield* TestClock.adjust(199)
      assert.isUndefined(due.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(due), 200)
    }),
  )

  it.effect("not again for those that it looked for", () =>
    Effect.gen(function* () {
      const watch = yield* lookedOnce
      watch.set(yield* inMs(0))
      watch.looks(yield* Clock.currentTimeMillis)
      watch.set(yield* inMs(400))
      const due = yield* waiting(watch)
      yield* TestClock.adjust(400)
      assert.strictEqual(yield* Fiber.join(due), 400)
    }),
  )

  it.effect("at once if the clock was set back", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000_000)
      const watch = yield* lookedOnce
      const due = yield* waiting(watch)
      yield* TestClock.setTime(5_000_000)
      watch.set(0)
      assert.isBelow(yield* Fiber.join(due), 0)
    }),
  )
})
