/** The part of the contract that is about what was appended, and what is left to do. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { EventLog } from "../../src/streams/event-log.ts"
import { PARTITIONS } from "./contract-settings.ts"
import { append, closing, LATER, openAll, opened, owning, somePartner, takeAll } from "./log-under-test.ts"

export const holdsFeed = (it: Vitest.MethodsNonLive<EventLog>): void => {
  describe("the backlog", () => {
    it.effect("counts a partner's batches until an append closes them", () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const before = yield* log.backlog
        const next = somePartner(log)
        const [batch, other] = [next(), next()]
        const lane = batch.slice(3, 8)
        yield* openAll([batch, other])
        const both = yield* log.backlog
        assert.deepStrictEqual([both.open, both.closed], [before.open + 2, before.closed])
        assert.strictEqual(both.byLane.get(lane), 2)

        const taken = yield* takeAll("w")
        yield* append(owning(taken.get(batch)), 2, "a", { open: false })
        yield* append(owning(taken.get(batch)), 3, "b", { open: false })
        const one = yield* log.backlog
        assert.deepStrictEqual([one.open, one.closed], [before.open + 1, before.closed + 1])
        assert.strictEqual(one.byLane.get(lane), 1)

        yield* append(owning(taken.get(other)), 2, "c", { open: false })
        assert.isFalse((yield* log.backlog).byLane.has(lane), "what has come to nothing is not kept")
      }),
    )

    it.effect("counts a closed batch again that has something left to do", () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const owned = yield* opened("w")
        yield* append(owned, 2, "a", { open: false })
        const before = yield* log.backlog
        yield* append(owned, 3, "b")
        const after = yield* log.backlog
        assert.deepStrictEqual([after.open, after.closed], [before.open + 1, before.closed])
      }),
    )
  })

  describe("the feed", () => {
    it.effect("tells of every append in order, from a position on", () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const owned = yield* opened("w")
        yield* append(owned, 2, "f1", { events: [closing(1), closing(2)] })
        yield* append(owned, 4, "f2")
        yield* append(owned, 5, "f3", { events: [] })
        const partition = log.partitionOf(owned.batch)
        const all = (yield* log.feed(partition, "0-0", 1_000)).filter(({ batch }) => batch === owned.batch)
        assert.deepStrictEqual(
          all.map(({ from, to }) => [from, to]),
          [
            [1, 2],
            [3, 4],
            [5, 5],
          ],
        )
        assert.deepStrictEqual(yield* log.feed(partition, all[0]?.id ?? "", 1), all.slice(1, 2))
        assert.deepStrictEqual(yield* log.feed(partition, all[2]?.id ?? "", 1_000), [])
      }),
    )

    it.effect("knows its end, also when all of it was forgotten", () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const owned = yield* opened("w")
        const partition = log.partitionOf(owned.batch)
        const [first, ...others] = yield* log.feed(partition, "0-0", 1_000)
        const end = others.at(-1)?.id ?? ""
        assert.strictEqual(yield* log.feedEnd(partition), end)
        yield* log.trimFeed(partition, others[0]?.id ?? "")
        assert.deepStrictEqual(yield* log.feed(partition, first?.id ?? "", 1_000), others)
        yield* log.trimFeed(partition, `${LATER}-0`)
        assert.deepStrictEqual(yield* log.feed(partition, "0-0", 1_000), [])
        assert.strictEqual(yield* log.feedEnd(partition), end)
      }),
    )

    it.effect("begins at 0-0 in a partition without any batch", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* (yield* EventLog).feedEnd(PARTITIONS - 1), "0-0")
      }),
    )
  })
}
