import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { LOOK_MS_MAX, MessageQueue, MessageQueues } from "../../src/actors/message-queue.ts"
import { BatchId } from "../../src/domain/identifiers.ts"

const NOW = 1_000_000

/** An actor that waits for calls, and has to look at a time (epoch milliseconds). */
const waiting = Effect.fnUntraced(function* (lookAt: number) {
  const queues = new MessageQueues<string>()
  const queue = new MessageQueue<string>(BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa"))
  queues.add(queue)
  queue.lookAt = lookAt
  const actor = yield* Effect.forkChild(queue.arrives, { startImmediately: true })
  return { queues, queue, actor }
})

describe("an actor that waits for calls", () => {
  it.effect.each([NOW - 5_000, NOW])("is woken when it has to look, at %i", (lookAt) =>
    Effect.gen(function* () {
      const { queues, actor } = yield* waiting(lookAt)
      assert.strictEqual(queues.waiting(NOW).size, 0, "it reads its mail when it looks")
      queues.wakeDue(NOW)
      assert.isFalse(yield* Fiber.join(actor), "nothing came")
    }),
  )

  it.effect.each([NOW + 1, NOW + LOOK_MS_MAX])("is left alone before, until %i", (lookAt) =>
    Effect.gen(function* () {
      const { queues, queue, actor } = yield* waiting(lookAt)
      queues.wakeDue(NOW)
      assert.deepStrictEqual([...queues.waiting(NOW).values()], [queue])
      assert.isUndefined(actor.pollUnsafe())
      queue.put("answer")
      assert.isTrue(yield* Fiber.join(actor))
    }),
  )

  it.effect("is woken if the clock was set back since", () =>
    Effect.gen(function* () {
      const { queues, actor } = yield* waiting(NOW + LOOK_MS_MAX)
      queues.wakeDue(NOW - 3_600_000)
      assert.isFalse(yield* Fiber.join(actor))
    }),
  )

  it.effect("is not asked about its mail while it works", () =>
    Effect.gen(function* () {
      const { queues, queue, actor } = yield* waiting(NOW + 1)
      queue.put("answer")
      yield* Fiber.join(actor)
      assert.strictEqual(queues.waiting(NOW).size, 0)
    }),
  )
})
