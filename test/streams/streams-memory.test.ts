import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { settings } from "../settings.ts"
import { archivedLogContract } from "./archived-log-contract.ts"
import { batchOf, firstEvents, takeFrom } from "./log-under-test.ts"
import { MemoryPartition } from "./memory-partition.ts"
import { MemoryStream } from "./memory-stream.ts"
import { streamsContract } from "./streams-contract.ts"
import { layerOverArchive, layer as streamsInMemory } from "./streams-memory.ts"
import { wholeLog } from "./whole-log.ts"

streamsContract("the event log in memory", streamsInMemory)
archivedLogContract("archived logs of the event log in memory", layerOverArchive)

layer(streamsInMemory.pipe(Layer.provide(settings({ PARTITIONS: "2" }))))(
  "time in the event log in memory",
  (it) => {
    it.effect("is the Clock's while a worker waits for something to do", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const waiting = yield* Effect.forkChild(takeFrom(log, "w", 4, 60_000))
        yield* TestClock.adjust(59_999)
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* Fiber.join(waiting), [])
      }),
    )

    it.effect("is the Clock's for how long an owner was silent", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = batchOf(1, 1)
        yield* log.open(batch, firstEvents, "a")
        const [owned] = yield* takeFrom(log, "w", 4, 1)
        assert(owned)
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(yield* log.takeOver("heir", 1_000, 4), [])
        yield* log.renew([owned])
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(yield* log.takeOver("heir", 1_000, 4), [])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* log.takeOver("heir", 1_000, 4), [
          { batch, entry: owned.entry, worker: "heir" },
        ])
      }),
    )
  },
)

describe("events that were staged in memory", () => {
  const batch = batchOf(1, 1)
  const events = [{ text: "{}", hash: "h" }]

  it("are gone after ten minutes, and nothing is opened without them", () => {
    const partition = new MemoryPartition(1, () => {})
    assert.deepStrictEqual(partition.stage(batch, "a", 0, events, 0), { _tag: "STAGED" })
    assert.deepStrictEqual(partition.stage(batch, "a", 0, events, 1), { _tag: "STAGED" }, "a retry")
    assert.deepStrictEqual(partition.stage(batch, "a", 1, events, 599_999), { _tag: "STAGED" })
    assert.deepStrictEqual(partition.open(batch, "a", 2, events, 1_199_999), { _tag: "UNSTAGED" })
    assert.deepStrictEqual(partition.read(batch, 0, 10), [])
  })
})

describe("a stream in memory", () => {
  it("gives ids that grow, also when the clock steps back", () => {
    const stream = new MemoryStream()
    const ids = [0, 5, 5, 3, 6].map((now) => stream.add(now, []))
    assert.deepStrictEqual(ids, ["0-1", "5-0", "5-1", "5-2", "6-0"])
  })
})
