import { Effect } from "effect"
import { expect, it } from "vitest"
import { inSlices, turn } from "../../src/parsing/turns.ts"

/** Rounds of the event loop, until something has ended. */
const roundsUntil = async (ended: Promise<unknown>): Promise<number> => {
  let rounds = 0
  let isOver = false
  void ended.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve))
    rounds += 1
  }
  return rounds
}

it("one slice is done in each round of the event loop, however many have long work", async () => {
  const [works, slices] = [20, 10]
  let done = 0
  function* work() {
    for (let slice = 0; slice < slices; slice += 1) {
      done += 1
      yield
    }
    return "done"
  }
  const all = Effect.runPromise(
    Effect.forEach(Array(works).fill(0), () => Effect.andThen(turn, inSlices(work())), {
      concurrency: works,
    }),
  )
  expect(await roundsUntil(all)).toBeGreaterThanOrEqual(works * slices - 1)
  expect(done).toBe(works * slices)
  expect(await all).toEqual(Array(works).fill("done"))
})

it("long work advances side by side", async () => {
  const order: Array<string> = []
  function* work(name: string) {
    for (let slice = 0; slice < 3; slice += 1) {
      order.push(name)
      yield
    }
  }
  await Effect.runPromise(
    Effect.forEach(["a", "b"], (name) => Effect.andThen(turn, inSlices(work(name))), { concurrency: 2 }),
  )
  expect(order).toEqual(["a", "b", "a", "b", "a", "b"])
})

it("who is interrupted while it waits leaves its turn to others", async () => {
  function* endless() {
    while (true) yield
  }
  await Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(inSlices(endless()))
      yield* turn
      yield* Effect.all([Effect.forkChild(Effect.interruptible(turn)), turn])
      fiber.interruptUnsafe()
      yield* turn
    }),
  )
})
