import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect, it } from "vitest"
import { TurnsByPartner } from "../../src/register/turns-by-partner.ts"

it("one partner's come one after the other, and leave places to others, of whom there are so many at a time", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const turns = new TurnsByPartner(2, 60_000)
      const under: Array<string> = []
      const end = yield* Deferred.make<void>()
      const slow = (partner: string) =>
        turns.take(
          partner,
          Effect.andThen(
            Effect.sync(() => under.push(partner)),
            Deferred.await(end),
          ),
          "late",
        )
      const fibers = yield* Effect.forEach(["acme", "acme", "acme", "globex", "initech"], (partner) =>
        Effect.forkChild(slow(partner), { startImmediately: true }),
      )
      yield* Effect.yieldNow
      expect(under).toEqual(["acme", "globex"])
      const [, second] = fibers
      if (second !== undefined) yield* Fiber.interrupt(second)
      yield* Deferred.succeed(end, undefined)
      yield* Effect.forEach(fibers, Fiber.await)
      expect(under.toSorted()).toEqual(["acme", "acme", "globex", "initech"])
    }),
  )
})

it("who waits too long gives up and does nothing; whose turn it is ends by itself, and only then comes the next", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const turns = new TurnsByPartner(2, 1_000)
      const under: Array<string> = []
      const end = yield* Deferred.make<void>()
      const slow = (name: string) =>
        turns.take(
          "acme",
          Effect.andThen(
            Effect.sync(() => under.push(name)),
            Deferred.await(end),
          ),
          "late",
        )
      const fork = (name: string) => Effect.forkChild(slow(name), { startImmediately: true })
      const first = yield* fork("first")
      const second = yield* fork("second")
      yield* TestClock.adjust(1_500)
      expect(yield* Fiber.await(second)).toEqual(Exit.fail("late"))
      const third = yield* fork("third")
      yield* TestClock.adjust(500)
      expect(under).toEqual(["first"])
      yield* Deferred.succeed(end, undefined)
      expect(Exit.isSuccess(yield* Fiber.await(first))).toBe(true)
      yield* Fiber.await(third)
      expect(under).toEqual(["first", "third"])
    }).pipe(Effect.provide(TestClock.layer())),
  )
})
