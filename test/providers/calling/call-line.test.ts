import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { MaxOpsBeforeYield } from "effect/Scheduler"
import { CallLine } from "../../../src/providers/calling/call-line.ts"

/** Calls that last until they are ended, and who is under way. */
const calls = Effect.gen(function* () {
  const gates = new Map<number, Deferred.Deferred<void>>()
  const underWay: Array<number> = []
  const call = (name: number) =>
    Effect.suspend(() => {
      const gate = Deferred.makeUnsafe<void>()
      gates.set(name, gate)
      underWay.push(name)
      return Effect.ensuring(
        Deferred.await(gate),
        Effect.sync(() => underWay.splice(underWay.indexOf(name), 1)),
      )
    })
  const end = (name: number) =>
    Effect.andThen(
      Effect.suspend(() => Deferred.succeed(gates.get(name) ?? Deferred.makeUnsafe<void>(), undefined)),
      rest,
    )
  return { underWay, call, end }
})

/** Lets all fibers go as far as they can. */
const rest = Effect.forEach([1, 2, 3, 4, 5], () => Effect.yieldNow, { discard: true })

/** Makes a call when it is its turn, as a channel does. */
const inTurn = <A, E>(line: CallLine, call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) => {
    const made = Effect.ensuring(
      restore(call),
      Effect.sync(() => line.leave()),
    )
    return line.take() ? made : Effect.andThen(line.taken(restore), made)
  })

const begin = <A>(line: CallLine, call: Effect.Effect<A>) =>
  Effect.tap(Effect.forkChild(inTurn(line, call), { startImmediately: true }), () => rest)

describe("a line for calls", () => {
  it.effect("lets so many go at a time, first come, first served", () =>
    Effect.gen(function* () {
      const { underWay, call, end } = yield* calls
      const line = new CallLine(2)
      for (const name of [1, 2, 3, 4, 5]) yield* begin(line, call(name))
      assert.deepStrictEqual(underWay, [1, 2])
      yield* end(2)
      assert.deepStrictEqual(underWay, [1, 3])
      yield* end(1)
      assert.deepStrictEqual(underWay, [3, 4])
      yield* end(3)
      yield* end(4)
      yield* end(5)
      assert.deepStrictEqual(underWay, [])
      for (const name of [6, 7, 8]) yield* begin(line, call(name))
      assert.deepStrictEqual(underWay, [6, 7])
    }),
  )

  it.effect("passes over those who have gone", () =>
    Effect.gen(function* () {
      const { underWay, call, end } = yield* calls
      const line = new CallLine(1)
      const fibers = yield* Effect.forEach([1, 2, 3], (name) => begin(line, call(name)))
      yield* Fiber.interrupt(fibers[1] ?? (yield* Effect.never))
      yield* end(1)
      assert.deepStrictEqual(underWay, [3])
    }),
  )

  it.effect("has the place again of one who is interrupted under way", () =>
    Effect.gen(function* () {
      const { underWay, call, end } = yield* calls
      const line = new CallLine(1)
      const first = yield* begin(line, call(1))
      yield* begin(line, call(2))
      yield* Fiber.interrupt(first)
      yield* rest
      assert.deepStrictEqual(underWay, [2])
      yield* end(2)
      yield* begin(line, call(3))
      assert.deepStrictEqual(underWay, [3])
    }),
  )

  it.effect("keeps its count through thousands of calls that end, fail or are interrupted", () =>
    Effect.gen(function* () {
      const line = new CallLine(3)
      let [underWay, most, done] = [0, 0, 0]
      const call = (name: number) =>
        Effect.gen(function* () {
          underWay += 1
          most = Math.max(most, underWay)
          yield* Effect.yieldNow
          if (name % 7 === 0) return yield* Effect.fail("no")
          done += 1
        }).pipe(Effect.ensuring(Effect.sync(() => (underWay -= 1))))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 5_000 }, (_, name) => name),
        (name) => Effect.forkChild(Effect.exit(inTurn(line, call(name)))),
      )
      for (const [name, fiber] of fibers.entries()) if (name % 11 === 5) yield* Fiber.interrupt(fiber)
      yield* Effect.forEach(fibers, Fiber.await, { discard: true })
      assert.strictEqual(most, 3)
      assert.strictEqual(underWay, 0)
      assert.isAbove(done, 3_000)
      let at = 0
      yield* Effect.forEach([1, 2, 3], () =>
        begin(
          line,
          Effect.andThen(
            Effect.sync(() => ++at),
            Effect.never,
          ),
        ),
      )
      assert.strictEqual(at, 3)
    }),
  )

  it.live("forgets nobody, wherever fibers pause for each other", () =>
    Effect.gen(function* () {
      for (let ops = 3; ops <= 12; ops++) {
        const line = new CallLine(1)
        const calls = Array.from({ length: 50 }, (_, name) =>
          inTurn(line, name % 3 === 0 ? Effect.void : Effect.yieldNow).pipe(
            Effect.provideService(MaxOpsBeforeYield, ops),
          ),
        )
        const ended = yield* Effect.timeoutOption(Effect.all(calls, { concurrency: "unbounded" }), 5_000)
        assert.strictEqual(ended._tag, "Some", `somebody waits for ever, with a pause every ${ops} steps`)
        assert.deepStrictEqual([line.take(), line.take()], [true, false])
      }
    }),
  )

  it.effect("gives a place at once that came free before somebody joined the line", () =>
    Effect.gen(function* () {
      const line = new CallLine(1)
      assert.deepStrictEqual([line.take(), line.take()], [true, false])
      const joining = line.taken((wait) => wait)
      line.leave()
      const waiter = yield* Effect.forkChild(joining, { startImmediately: true })
      assert.isDefined(waiter.pollUnsafe(), "it waits for somebody to leave, and nobody is there")
      assert.isFalse(line.take())
    }),
  )

  it.live("lets a long line go that is refused at once", () =>
    Effect.gen(function* () {
      const line = new CallLine(1)
      const gate = Deferred.makeUnsafe<void>()
      yield* begin(line, Deferred.await(gate))
      const refused = yield* Effect.forEach(Array.from({ length: 20_000 }), () =>
        Effect.forkChild(inTurn(line, Effect.void), { startImmediately: true }),
      )
      yield* Deferred.succeed(gate, undefined)
      const ended = yield* Effect.timeoutOption(
        Effect.forEach(refused, Fiber.join, { discard: true }),
        10_000,
      )
      assert.strictEqual(ended._tag, "Some", "the rest of the line waits for ever")
      assert.deepStrictEqual([line.take(), line.take()], [true, false])
    }),
  )
})
