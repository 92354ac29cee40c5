import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { gathered } from "../../src/streams/gathered.ts"

const limits = { countMax: 3, weightMax: 10, weightOf: (one: string) => one.length }

/** A step that answers in capitals, and waits for `go` before it answers. */
const slowStep = Effect.gen(function* () {
  const taken: Array<ReadonlyArray<string>> = []
  const gates = yield* Effect.forEach([1, 2, 3, 4], () => Deferred.make<void>())
  const step = (all: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const gate = gates[taken.push(all) - 1]
      if (gate !== undefined) yield* Deferred.await(gate)
      return all.map((one) => one.toUpperCase())
    })
  const open = (at: number) =>
    Effect.flatMap(Effect.fromNullishOr(gates[at]), (gate) => Deferred.succeed(gate, undefined))
  return { taken, step, open }
})

const settled = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))

describe("what is gathered", () => {
  it.live("goes at once when nothing is under way, and together afterwards", () =>
    Effect.gen(function* () {
      const { taken, step, open } = yield* slowStep
      const ask = gathered(step, limits)
      const first = yield* Effect.forkChild(ask("a"))
      yield* settled
      assert.deepStrictEqual(taken, [["a"]])
      const others = yield* Effect.forEach(["b", "c", "d", "e"], (one) => Effect.forkChild(ask(one)))
      yield* settled
      assert.deepStrictEqual(taken, [["a"]])
      yield* Effect.forEach([0, 1, 2], open)
      assert.strictEqual(yield* Fiber.join(first), "A")
      assert.deepStrictEqual(yield* Effect.forEach(others, Fiber.join), ["B", "C", "D", "E"])
      assert.deepStrictEqual(taken, [["a"], ["b", "c", "d"], ["e"]])
    }),
  )

  it.live("is taken up to the weight, and a heavier one alone", () =>
    Effect.gen(function* () {
      const taken: Array<ReadonlyArray<string>> = []
      const ask = gathered((all: ReadonlyArray<string>) => {
        taken.push(all)
        return Effect.succeed(all)
      }, limits)
      const heavy = "x".repeat(50)
      yield* Effect.forEach(["12345", heavy, "12345", "12345", "1"], ask, { concurrency: "unbounded" })
      assert.deepStrictEqual(taken, [["12345"], [heavy], ["12345", "12345"], ["1"]])
    }),
  )

  it.live("fails for all that were taken together, and goes on", () =>
    Effect.gen(function* () {
      let times = 0
      const ask = gathered(
        (all: ReadonlyArray<string>) => (++times === 1 ? Effect.fail("down") : Effect.succeed(all)),
        limits,
      )
      const exits = yield* Effect.forEach(["a", "b"], (one) => Effect.exit(ask(one)), {
        concurrency: "unbounded",
      })
      assert.deepStrictEqual(exits, [Exit.fail("down"), Exit.fail("down")])
      assert.strictEqual(yield* ask("c"), "c")
    }),
  )

  it.live("is not taken after its caller was interrupted, and the others are", () =>
    Effect.gen(function* () {
      const { taken, step, open } = yield* slowStep
      const ask = gathered(step, limits)
      const first = yield* Effect.forkChild(ask("a"))
      yield* settled
      const gone = yield* Effect.forkChild(ask("b"))
      const left = yield* Effect.forkChild(ask("c"))
      yield* settled
      yield* Fiber.interrupt(gone)
      yield* Fiber.interrupt(first)
      yield* Effect.forEach([0, 1], open)
      assert.strictEqual(yield* Fiber.join(left), "C")
      assert.deepStrictEqual(taken, [["a"], ["c"]])
    }),
  )

  it.live("dies when a step answers for fewer than it took", () =>
    Effect.gen(function* () {
      const ask = gathered((_: ReadonlyArray<string>) => Effect.succeed([] as ReadonlyArray<string>), limits)
      const exit = yield* Effect.exit(ask("a"))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "not for number 0")
    }),
  )
})
