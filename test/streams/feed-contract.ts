/** The part of the contract that is about what was appended, and what is left to do. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { PARTITIONS } from "./contract-settings.ts"
import {
  append,
  closing,
  headAt,
  LATER,
  openAll,
  opened,
  owning,
  somePartner,
  takeAll,
} from "./log-under-test.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

export const holdsFeed = (it: Vitest.MethodsNonLive<Streams>): void => {
  describe("the backlog", () => {
    it.effect("counts a partner's batches until an append closes them", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const before = yield* log.backlog
        const next = somePartner(log)
        const [batch, other] = [next(), next()]
        const partnerShard = batch.slice(3, 8)
        yield* openAll([batch, other])
        const both = yield* log.backlog
        assert.deepStrictEqual([both.open, both.closed], [before.open + 2, before.closed])
        assert.strictEqual(both.byPartnerShard.get(partnerShard), 2)

        const taken = yield* takeAll("w")
        yield* append(owning(taken.get(batch)), 2, "a", { open: false })
        yield* append(owning(taken.get(batch)), 3, "b", { open: false })
        const one = yield* log.backlog
        assert.deepStrictEqual([one.open, one.closed], [before.open + 1, before.closed + 1])
        assert.strictEqual(one.byPartnerShard.get(partnerShard), 1)

        yield* append(owning(taken.get(other)), 2, "c", { open: false })
        assert.isFalse(
          (yield* log.backlog).byPartnerShard.has(partnerShard),
          "what has come to nothing is not kept",
        )
      }),
    )

    it.effect("counts a closed batch again that has something left to do", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
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
        const log = yield* wholeLog
        const owned = yield* opened("w")
        yield* append(owned, 2, "f1", { events: [closing(1), closing(2)] })
        yield* append(owned, 4, "f2")
        yield* append(owned, 5, "f3", { events: [] })
        const partition = log.partitions.of(owned.batch)
        const all = (yield* log.entries(partition, "0-0", 1_000)).filter(({ batch }) => batch === owned.batch)
        assert.deepStrictEqual(
          all.map(({ from, to }) => [from, to]),
          [
            [1, 2],
            [3, 4],
            [5, 5],
          ],
        )
        assert.deepStrictEqual(yield* log.entries(partition, all[0]?.id ?? "", 1), all.slice(1, 2))
        assert.deepStrictEqual(yield* log.entries(partition, all[2]?.id ?? "", 1_000), [])
      }),
    )

    it.effect("says with which hashes an append begins and ends", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        yield* append(owned, 2, "h1", { events: [closing(1), closing(2)] })
        const told = (yield* log.entries(log.partitions.of(owned.batch), "0-0", 1_000)).slice(-2)
        const heads = yield* Effect.forEach([0, 2, 4], (version) => headAt(log, owned.batch, version))
        assert.deepStrictEqual(
          told.map(({ base, head }) => [base, head]),
          [heads.slice(0, 2), heads.slice(1)],
        )
      }),
    )

    it.effect("goes on from an entry only while it is there, and ends with the hash that is remembered", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const partition = log.partitions.of((yield* opened("w")).batch)
        const [first, second, ...others] = yield* log.entries(partition, "0-0", 1_000)
        assert(first?.head && second)
        const told = (position: string, head?: string) => log.entries(partition, position, 1_000, head)
        assert.deepStrictEqual(yield* told(first.id, first.head), [second, ...others])
        assert.deepInclude(yield* Effect.flip(told(first.id, "another")), {
          _tag: "HistoryLost",
          cursor: first.id,
        })
        assert.deepInclude(yield* Effect.flip(told(`${LATER}-0`)), { _tag: "HistoryLost" })

        yield* log.trim(partition, second.id)
        assert.deepInclude(yield* Effect.flip(told(first.id, first.head)), { _tag: "HistoryLost" })
        assert.deepStrictEqual(yield* told(second.id, second.head), others)
        yield* log.trim(partition, `${LATER}-0`)
        assert.deepStrictEqual(yield* told("0-0"), [])
      }),
    )

    it.effect("is empty in a partition without any batch", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* (yield* wholeLog).entries(PARTITIONS - 1, "0-0", 10), [])
      }),
    )
  })
}
