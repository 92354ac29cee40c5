import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { CallGroups } from "../../../src/providers/calling/call-groups.ts"

/** Makes calls one after the other on 64 fibers, and counts those that ended within `ms`. */
const callsWithin = Effect.fnUntraced(function* (groups: CallGroups, ms: number, callMs: number) {
  let ended = 0
  const call = Effect.andThen(
    Effect.sleep(callMs),
    Effect.sync(() => ended++),
  )
  const all = Effect.forEach(Array.from({ length: 64 }), () => Effect.forever(groups.inGroup(call)), {
    concurrency: "unbounded",
  })
  yield* Effect.timeoutOption(all, ms)
  return ended
})

const begin = <A>(groups: CallGroups, call: Effect.Effect<A>) =>
  Effect.forkChild(groups.inGroup(call), { startImmediately: true })

describe("groups of calls", () => {
  it.live("let every call begin at once without pressure", () =>
    Effect.gen(function* () {
      const groups = new CallGroups(() => 1)
      let begun = 0
      const call = Effect.andThen(
        Effect.sync(() => begun++),
        Effect.never,
      )
      for (let nth = 0; nth < 200; nth++) yield* begin(groups, call)
      assert.strictEqual(begun, 200)
    }),
  )

  it.live("keep a share of the pace under pressure, and never stop", () =>
    Effect.gen(function* () {
      const alone = yield* callsWithin(new CallGroups(() => 1), 1_000, 5)
      const pressed = yield* callsWithin(new CallGroups(() => 0.2), 1_000, 5)
      assert.isAbove(pressed, 50)
      assert.isBelow(pressed, alone / 5)
    }),
  )

  it.live("are not held up by a call that takes long", () =>
    Effect.gen(function* () {
      const groups = new CallGroups(() => 0.2)
      yield* begin(groups, Effect.never)
      assert.isAbove(yield* callsWithin(groups, 1_000, 1), 50)
    }),
  )

  it.live("let all calls begin soon after the pressure has ended", () =>
    Effect.gen(function* () {
      let share = 0.05
      let begun = 0
      const groups = new CallGroups(() => share)
      const call = Effect.andThen(
        Effect.sync(() => begun++),
        Effect.never,
      )
      for (let nth = 0; nth < 100; nth++) yield* begin(groups, call)
      while (begun < 16) yield* Effect.sleep(1)
      yield* Effect.sleep(100)
      assert.strictEqual(begun, 16)
      share = 1
      yield* begin(groups, call)
      assert.strictEqual(begun, 17)
      const since = performance.now()
      while (begun < 101) yield* Effect.sleep(5)
      assert.isBelow(performance.now() - since, 2_000)
    }),
  )

  it.live("give the place of a call that was interrupted, waiting or under way, to the next", () =>
    Effect.gen(function* () {
      const groups = new CallGroups(() => 0.2)
      const fibers = yield* Effect.forEach(Array.from({ length: 40 }), () => begin(groups, Effect.never))
      yield* Effect.forEach(fibers, Fiber.interrupt)
      const done = Deferred.makeUnsafe<void>()
      yield* begin(groups, Deferred.succeed(done, undefined))
      yield* Deferred.await(done)
    }),
  )
})
