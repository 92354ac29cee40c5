/** A process says that it stops before anything of it ends, and ends although something does not. */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Life, Lifecycle, STOP_MS_MAX, watched, withLifecycle } from "../../src/platform/lifecycle.ts"
import { Overdue } from "../../src/platform/overdue.ts"
import { settings } from "../settings.ts"

const NOTICE_MS = 3_000

/** A process of one part, which is built once `built` is done and ends once `ended` is. It tells what it saw. */
const makeProcess = Effect.fnUntraced(function* (hasCallers: boolean) {
  const begun = yield* Deferred.make<void>()
  const built = yield* Deferred.make<void>()
  const ended = yield* Deferred.make<void>()
  const seen: { life: Life | undefined; told: boolean; ending: boolean; overdue: boolean } = {
    life: undefined,
    told: false,
    ending: false,
    overdue: false,
  }
  const part = Layer.effectDiscard(
    Effect.gen(function* () {
      seen.life = yield* Lifecycle
      yield* watched("batches", {
        underWay: () => 3,
        stopping: () => {
          seen.told = true
        },
      })
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          Effect.sync(() => {
            seen.ending = true
          }),
          Deferred.await(ended),
        ),
      )
      yield* Deferred.succeed(begun, undefined)
      yield* Deferred.await(built)
    }),
  )
  const overdue = Effect.sync(() => {
    seen.overdue = true
  })
  const process = withLifecycle(part, hasCallers).pipe(
    Layer.provide([settings({ READINESS_NOTICE_MS: `${NOTICE_MS}` }), Layer.succeed(Overdue, overdue)]),
  )
  const running = yield* Effect.forkChild(Layer.launch(process))
  // Reading the settings takes turns of its own.
  yield* Deferred.await(begun)
  const start = Effect.andThen(Deferred.succeed(built, undefined), TestClock.adjust(0))
  const stop = Effect.tap(Effect.forkChild(Fiber.interrupt(running)), () => TestClock.adjust(0))
  return { seen, start, stop, end: Deferred.succeed(ended, undefined) }
})

it.effect("tells its end to callers before anything ends", () =>
  Effect.gen(function* () {
    const { seen, start, stop, end } = yield* makeProcess(true)
    yield* start
    expect(seen.life?.isStopping).toBe(false)
    const stopping = yield* stop
    expect(seen).toMatchObject({ told: true, ending: false })
    expect(seen.life?.isStopping).toBe(true)
    yield* TestClock.adjust(NOTICE_MS - 1)
    expect(seen.ending).toBe(false)
    yield* TestClock.adjust(1)
    expect(seen.ending).toBe(true)
    yield* end
    yield* Fiber.join(stopping)
    yield* TestClock.adjust(10 * STOP_MS_MAX)
    expect(seen.overdue).toBe(false)
  }),
)

it.effect("does so also while a part of it still waits to start", () =>
  Effect.gen(function* () {
    const { seen, stop, end } = yield* makeProcess(true)
    const stopping = yield* stop
    expect(seen).toMatchObject({ told: true, ending: false })
    yield* TestClock.adjust(NOTICE_MS - 1)
    expect(seen.ending).toBe(false)
    yield* TestClock.adjust(1)
    expect(seen.ending).toBe(true)
    yield* end
    yield* Fiber.join(stopping)
  }),
)

it.effect("ends at once what nobody calls", () =>
  Effect.gen(function* () {
    const { seen, start, stop, end } = yield* makeProcess(false)
    yield* start
    const stopping = yield* stop
    expect(seen).toMatchObject({ told: true, ending: true })
    yield* end
    yield* Fiber.join(stopping)
  }),
)

it.effect("waits for its parts within a limit, and knows what is left then", () =>
  Effect.gen(function* () {
    const { seen, start, stop, end } = yield* makeProcess(true)
    yield* start
    const stopping = yield* stop
    yield* TestClock.adjust(NOTICE_MS + STOP_MS_MAX - 1)
    expect(seen.overdue).toBe(false)
    yield* TestClock.adjust(1)
    expect(seen.overdue).toBe(true)
    expect(seen.life?.left).toEqual({ batches: 3 })
    yield* end
    yield* Fiber.join(stopping)
    expect(seen.life?.left).toEqual({})
  }),
)
