import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
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

describe("an actor that gathers answers", () => {
  /** An actor that gathers for a minute, or until its queue has enough. */
  const gathering = Effect.fnUntraced(function* (isEnough: () => boolean) {
    const queue = new MessageQueue<string>(BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa"))
    const actor = yield* Effect.forkChild(queue.gather(60_000, isEnough), { startImmediately: true })
    return { queue, actor }
  })

  it.effect("goes on when a call ends and there is enough", () =>
    Effect.gen(function* () {
      const { queue, actor } = yield* gathering(() => true)
      queue.putLast("ended")
      yield* Fiber.join(actor)
      assert.deepStrictEqual(queue.takeAll(), ["ended"])
    }),
  )

  it.effect("waits for its time while more is to come", () =>
    Effect.gen(function* () {
      const { queue, actor } = yield* gathering(() => false)
      queue.put("answer")
      queue.putLast("ended")
      yield* TestClock.adjust(59_999)
      assert.isUndefined(actor.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(actor)
      assert.deepStrictEqual(queue.takeAll(), ["answer", "ended"])
    }),
  )

  it.effect("is not asked what is enough after it took what came", () =>
    Effect.gen(function* () {
      let asked = 0
      const { queue, actor } = yield* gathering(() => {
        asked += 1
        return true
      })
      queue.putLast("ended")
      yield* Fiber.join(actor)
      queue.takeAll()
      queue.putLast("another")
      assert.strictEqual(asked, 1)
    }),
  )
})
