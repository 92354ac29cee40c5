import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Option, Scheduler } from "effect"
import { groupCommit } from "../../src/platform/group-commit.ts"

/** How many operations a caller is let do at a time: so it stops, and can be interrupted, between any two of its lines. */
const PACES = [2, 3, 4, 5, 6, 7, 8]
/** More stops than a caller makes at any pace until its request is written. */
const STOPS_MAX = 16

/** A write that notes its requests, and ends when it may. */
const writing =
  (written: Array<string>, mayEnd: Latch.Latch) =>
  (requests: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
    Effect.as(
      Effect.andThen(
        Effect.sync(() => written.push(...requests)),
        mayEnd.await,
      ),
      requests,
    )

const echo = Effect.fnUntraced(function* () {
  const scope = yield* Effect.scope
  return groupCommit(scope, (requests: ReadonlyArray<string>) => Effect.as(Effect.yieldNow, requests), 8)
})

describe("a group commit", () => {
  it.live("goes on for others wherever the caller that began it is interrupted", () =>
    Effect.gen(function* () {
      for (const pace of PACES)
        for (let stops = 0; stops <= STOPS_MAX; stops += 1) {
          const commit = yield* echo()
          const caller = Effect.provideService(commit("first"), Scheduler.MaxOpsBeforeYield, pace)
          const first = yield* Effect.forkChild(caller)
          for (let stop = 0; stop < stops; stop += 1) yield* Effect.yieldNow
          yield* Fiber.interrupt(first)
          const second = yield* Effect.timeoutOption(commit("second"), 1_000)
          assert.strictEqual(Option.getOrUndefined(second), "second", `at pace ${pace}, after ${stops} stops`)
        }
    }).pipe(Effect.scoped),
  )

  it.live("does not write what nobody waits for any more when its turn comes", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const mayEnd = yield* Latch.make()
      const commit = groupCommit(yield* Effect.scope, writing(written, mayEnd), 1)
      const [first, second, third] = yield* Effect.forEach(["1", "2", "3"], (request) =>
        Effect.forkChild(commit(request), { startImmediately: true }),
      )
      assert(first && second && third)
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(second)
      yield* mayEnd.open
      assert.strictEqual(yield* Fiber.join(third), "3")
      assert.deepStrictEqual(written, ["1", "3"])
    }).pipe(Effect.scoped),
  )

  it.live("fails what takes too long, and writes it only if its turn had come", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const mayEnd = yield* Latch.make()
      const commit = groupCommit(yield* Effect.scope, writing(written, mayEnd), 1, {
        msMax: 20,
        tooLate: "too late" as const,
      })
      const [first, second] = yield* Effect.forEach(["1", "2"], (request) =>
        Effect.forkChild(Effect.flip(commit(request)), { startImmediately: true }),
      )
      assert(first && second)
      assert.strictEqual(yield* Fiber.join(first), "too late")
      assert.strictEqual(yield* Fiber.join(second), "too late")
      const third = yield* Effect.forkChild(commit("3"), { startImmediately: true })
      yield* mayEnd.open
      assert.strictEqual(yield* Fiber.join(third), "3")
      assert.deepStrictEqual(written, ["1", "3"])
    }).pipe(Effect.scoped),
  )
})
