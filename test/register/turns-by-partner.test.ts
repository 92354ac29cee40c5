import { Deferred, Effect, Fiber } from "effect"
import { expect, it } from "vitest"
import { TurnsByPartner } from "../../src/register/turns-by-partner.ts"

it("one partner's come one after the other, and leave places to others, of whom there are so many at a time", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const turns = new TurnsByPartner(2)
      const under: Array<string> = []
      const end = yield* Deferred.make<void>()
      const slow = (partner: string) =>
        turns.take(
          partner,
          Effect.andThen(
            Effect.sync(() => under.push(partner)),
            Deferred.await(end),
          ),
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
