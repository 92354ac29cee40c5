/** The part of the contract that is about who owns which batch, and whose turn it is. */

import { setImmediate } from "node:timers/promises"
import { assert, type Vitest } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { describe } from "vitest"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import { PARTITIONS, SHARE } from "./contract-settings.ts"
import {
  append,
  commandId,
  firstEvents,
  LATER,
  news,
  openAll,
  opened,
  owning,
  somePartner,
  takeAll,
  takeFrom,
} from "./log-under-test.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

export const holdsRunQueue = (it: Vitest.MethodsNonLive<Streams>): void => {
  describe("the run queue", () => {
    it.effect("keeps a worker waiting until there is something to do", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        yield* takeAll("w")
        const batch = somePartner(log)()
        const [taken] = yield* Effect.all(
          [takeFrom(log, "patient", 4, 5_000), log.open(batch, firstEvents, "a")],
          { concurrency: 2 },
        )
        assert.deepStrictEqual(
          taken.map((owned) => [owned.batch, owned.worker]),
          [[batch, "patient"]],
        )
        assert.deepStrictEqual(yield* takeFrom(log, "patient", 4, 1), [])
      }),
    )

    it.effect("ends a worker's wait when it is asked to", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        yield* takeAll("w")
        const since = performance.now()
        const waits = yield* Effect.forkChild(takeFrom(log, "leaving", 4, 5_000))
        while (waits.pollUnsafe() === undefined) {
          yield* Effect.forEach(log.parts, ({ endWait }) => endWait)
          yield* Effect.promise(() => setImmediate())
        }
        assert.deepStrictEqual(yield* Fiber.join(waits), [])
        assert.isBelow(performance.now() - since, 2_500)
      }),
    )

    it.effect("gives each partition's part of what a worker has room for", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        yield* takeAll("w")
        const [one, other, third] = [somePartner(log)(), somePartner(log)(), somePartner(log)()]
        yield* openAll([one, other, third])
        const taken = yield* takeFrom(log, "w", 2 * PARTITIONS + 1, 20)
        assert.deepStrictEqual(
          taken.map(({ batch }) => batch),
          [one, other],
        )
        assert.deepStrictEqual([...(yield* takeAll("w")).keys()], [third])
      }),
    )

    it.effect("lets a batch be taken over whose owner is silent, and from then on only the heir", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const zombie = yield* opened("zombie")
        const heirs = yield* log.takeOver("heir", 0, 400)
        const heir = owning(heirs.find(({ batch }) => batch === zombie.batch))
        assert.deepStrictEqual(yield* log.renew([zombie]), [zombie], "a lost entry is not renewed back")
        assert.deepInclude(yield* Effect.flip(log.release(zombie, undefined)), { reason: "taken-over" })
        assert.deepInclude(yield* Effect.flip(log.handOver(zombie)), { reason: "taken-over" })
        assert.deepInclude(yield* Effect.flip(log.postpone(zombie)), { reason: "taken-over" })
        assert.deepStrictEqual(yield* log.renew([heir]), [])
      }),
    )

    it.effect("shows whether any owner is silent, before a batch can be taken over", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        for (const owned of (yield* takeAll("w")).values()) yield* log.release(owned, undefined, "leave")
        for (const owned of yield* log.takeOver("w", 0, 400)) yield* log.release(owned, undefined, "leave")
        assert.isFalse(yield* log.isAnySilent(0), "nobody owns a batch")
        const owned = yield* opened("w")
        assert.isTrue(yield* log.isAnySilent(0))
        assert.isFalse(yield* log.isAnySilent(60_000))
        assert.isFalse(yield* log.isAnySilent(60_000.5), "half of an odd claim time")
        yield* log.release(owned, undefined, "leave")
        assert.isFalse(yield* log.isAnySilent(0))
      }),
    )

    it.effect("shows when the first timer of all partitions is due", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        yield* log.wake(LATER, 400)
        assert.isUndefined(yield* log.nextTimer)
        const [later, sooner] = [yield* opened("w"), yield* opened("w")]
        yield* log.release(later, 7_000)
        assert.strictEqual(yield* log.nextTimer, 7_000)
        yield* log.release(sooner, 5_000)
        assert.strictEqual(yield* log.nextTimer, 5_000)
        yield* log.wake(5_000, 400)
        assert.strictEqual(yield* log.nextTimer, 7_000)
      }),
    )

    it.effect("takes over as many as there is room for, the oldest first", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = [somePartner(log)(), somePartner(log)()]
        yield* openAll(batches)
        yield* takeAll("dead")
        const all = yield* log.takeOver("heir", 0, 400)
        assert.deepStrictEqual(yield* log.takeOver("heir", 0, 3), all.slice(0, 3))
        assert.deepStrictEqual(yield* log.takeOver("heir", 0, 0), [])
      }),
    )

    it.effect("keeps an entry from being taken over while its owner renews it", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        assert.deepStrictEqual(yield* log.renew([owned]), [])
        const taken = yield* log.takeOver("thief", 60_000, 400)
        assert.isFalse(taken.some(({ batch }) => batch === owned.batch))
      }),
    )

    it.effect("keeps a batch with its owner while mail waits, unless it is to be left", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        yield* log.enqueue(owned.batch, news(1), commandId())
        assert.strictEqual(yield* log.release(owned, undefined), "mail-waiting")
        assert.deepStrictEqual(yield* log.renew([owned]), [])
        assert.strictEqual(yield* log.release(owned, undefined, "leave"), "released")
        assert.strictEqual((yield* log.mail(owned.batch, 10)).length, 1)
      }),
    )

    it.effect("hears of mail, of timers that are due, and of what the sweep finds, once", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const { batch } = owned
        assert.strictEqual(yield* log.release(owned, 5_000), "released")
        yield* log.sweep(LATER, LATER, 400)
        assert.strictEqual(yield* log.wake(4_999, 400), 0)
        assert.isFalse((yield* takeAll("w")).has(batch), "its timer is not due")
        assert.strictEqual(yield* log.wake(5_000, 400), 1)
        yield* log.enqueue(batch, news(1), commandId())
        const timed = owning((yield* takeAll("w")).get(batch))
        assert.isFalse((yield* takeAll("w")).has(batch), "one entry per batch")

        yield* log.release(timed, undefined, "leave")
        yield* log.enqueue(batch, news(2), commandId())
        const told = owning((yield* takeAll("w")).get(batch))
        yield* log.release(told, undefined, "leave")
        yield* log.sweep(LATER + 1, LATER + 1, 400)
        assert.isTrue((yield* takeAll("w")).has(batch), "open, and nothing would have woken it")
      }),
    )

    it.effect("gives a batch that is handed over to any worker at once", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("leaving")
        yield* log.handOver(owned)
        assert.deepInclude(yield* Effect.flip(append(owned, 2, "late")), { reason: "taken-over" })
        assert.isTrue((yield* takeAll("staying")).has(owned.batch))
      }),
    )

    it.effect("answers a retry of giving up as done, whoever has the batch by then", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const released = yield* opened("w")
        yield* log.release(released, 5_000)
        assert.strictEqual(yield* log.release(released, 5_000), "released")
        yield* log.enqueue(released.batch, news(1), commandId())
        const heir = owning((yield* takeAll("heir")).get(released.batch))
        assert.strictEqual(yield* log.release(released, undefined), "released")
        yield* log.handOver(released)
        assert.deepStrictEqual(yield* log.renew([heir]), [], "the heir still owns it")
        assert.isFalse((yield* takeAll("thief")).has(released.batch))

        yield* log.handOver(heir)
        yield* log.handOver(heir)
        assert.isTrue((yield* takeAll("w")).has(released.batch))
        assert.isFalse((yield* takeAll("w")).has(released.batch), "it was handed over once")
      }),
    )

    it.effect("forgets a worker that owns nothing, and keeps one that does", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("busy")
        yield* log.retire("busy")
        assert.strictEqual((yield* append(owned, 2, "still")).version, 3)
      }),
    )
  })

  describe("a partner's share of the run queue", () => {
    /** Opens so many batches of one partner; gives their ids in that order. */
    const queued = Effect.fnUntraced(function* (count: number) {
      const log = yield* wholeLog
      const next = somePartner(log)
      const batches = Array.from({ length: count }, next)
      yield* openAll(batches)
      return batches
    })
    /** Which of these batches the worker can take now. */
    const takeOf = Effect.fnUntraced(function* (batches: ReadonlyArray<BatchId>) {
      const taken = yield* takeAll("w")
      return [...taken.values()].filter(({ batch }) => batches.includes(batch))
    })
    const idsOf = (owned: ReadonlyArray<Ownership>) => owned.map(({ batch }) => batch)

    it.effect("is all that a partner with many batches has there", () =>
      Effect.gen(function* () {
        const batches = yield* queued(5)
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), batches.slice(0, SHARE))
        assert.deepStrictEqual(yield* takeOf(batches), [])
      }),
    )

    it.effect("passes to the next in line when a batch is released, and on nothing else", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = yield* queued(5)
        const [, , third, fourth] = batches
        assert(third !== undefined && fourth !== undefined)
        const [owned, other] = yield* takeOf(batches)
        yield* append(owning(owned), 2, "a")
        yield* append(owning(owned), 3, "b", { open: false })
        yield* log.renew([owning(owned)])
        yield* log.enqueue(third, news(1), commandId())
        yield* log.sweep(LATER, LATER, 400)
        yield* log.wake(LATER, 400)
        const heirs = yield* log.takeOver("w", 0, 400)
        const heir = owning(heirs.find(({ batch }) => batch === other?.batch))
        assert.deepStrictEqual(yield* takeOf(batches), [])

        yield* log.release(heir, undefined)
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), [third])
        yield* log.release(owning(owned), undefined)
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), [fourth])
      }),
    )

    it.effect("is kept by a batch that is handed over", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const next = somePartner(log)
        const batches = [next(), next(), next()]
        yield* openAll(batches.slice(0, SHARE))
        const [owned] = yield* takeOf(batches)
        yield* log.handOver(owning(owned))
        yield* openAll(batches.slice(SHARE))
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), batches.slice(0, 1))
      }),
    )

    it.effect("is given in the order in which batches came", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = yield* queued(12)
        const order: Array<BatchId> = []
        let owned = yield* takeOf(batches)
        while (owned.length > 0) {
          order.push(...idsOf(owned))
          for (const one of owned) yield* log.release(one, undefined)
          owned = yield* takeOf(batches)
        }
        assert.deepStrictEqual(order, batches)
      }),
    )

    it.effect("goes to those that have begun before those that are new", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = yield* queued(2 * SHARE + 1)
        const began = yield* takeOf(batches)
        assert.deepStrictEqual(idsOf(began), batches.slice(0, SHARE))
        assert.isTrue(began.every(({ isNew }) => isNew))
        for (const owned of began) yield* log.release(owned, undefined)
        const second = yield* takeOf(batches)
        // The share is used by the second ones. Now the first ones have mail, and the last is new.
        for (const { batch } of began) yield* log.enqueue(batch, news(1), commandId())
        for (const owned of second) yield* log.release(owned, undefined)
        const third = yield* takeOf(batches)
        assert.deepStrictEqual(idsOf(third), idsOf(began))
        assert.isTrue(third.every(({ isNew }) => isNew === undefined))
        for (const owned of third) yield* log.release(owned, undefined, "leave")
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), batches.slice(2 * SHARE))
      }),
    )

    it.effect("is not given to a new batch while its worker has no room, until it is to be admitted", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = yield* queued(SHARE + 1)
        const owned = yield* takeOf(batches)
        for (const one of owned) yield* log.release(one, undefined, undefined, "begun")
        assert.deepStrictEqual(yield* takeOf(batches), [])
        const [late] = yield* queued(1)
        assert(late !== undefined)
        yield* log.admit(400)
        assert.sameMembers(idsOf(yield* takeOf([...batches, late])), [...batches.slice(SHARE), late])
      }),
    )

    it.effect("is not taken by a later batch before those that wait in line", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const next = somePartner(log)
        const batches = Array.from({ length: SHARE + 2 }, next)
        yield* openAll(batches.slice(0, SHARE + 1))
        for (const one of yield* takeOf(batches)) yield* log.release(one, undefined, undefined, "begun")
        yield* openAll(batches.slice(SHARE + 1))
        yield* log.admit(1)
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), batches.slice(SHARE, SHARE + 1))
      }),
    )

    it.effect(
      "is given up by a new batch for which its worker has no room, which is then the first in line",
      () =>
        Effect.gen(function* () {
          const log = yield* wholeLog
          const batches = yield* queued(SHARE + 2)
          const [first, ...others] = yield* takeOf(batches)
          for (const one of others) yield* log.release(one, undefined, undefined, "begun")
          for (const { batch } of others) yield* log.enqueue(batch, news(1), commandId())
          yield* log.postpone(owning(first))
          yield* log.postpone(owning(first))
          assert.deepInclude(yield* Effect.flip(append(owning(first), 2, "late")), { reason: "taken-over" })
          const begun = yield* takeOf(batches)
          assert.deepStrictEqual(idsOf(begun), idsOf(others))
          yield* log.admit(1)
          const [again] = yield* takeOf(batches)
          assert.deepStrictEqual(again, { ...owning(first), entry: owning(again).entry })
        }),
    )

    it.effect("is admitted from one partner after the other", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        yield* log.admit(400)
        yield* takeAll("w")
        const [many, few] = [yield* queued(3 * SHARE), yield* queued(SHARE + 1)]
        for (const one of yield* takeOf([...many, ...few]))
          yield* log.release(one, undefined, undefined, "begun")
        yield* log.admit(2)
        assert.sameMembers(idsOf(yield* takeOf([...many, ...few])), [
          ...many.slice(SHARE, SHARE + 1),
          ...few.slice(SHARE),
        ])
      }),
    )

    it.effect("is not exceeded by those that are admitted", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batches = yield* queued(3 * SHARE)
        const [one] = yield* takeOf(batches)
        yield* log.release(owning(one), undefined, undefined, "begun")
        yield* log.admit(400)
        assert.deepStrictEqual(idsOf(yield* takeOf(batches)), batches.slice(SHARE, SHARE + 1))
      }),
    )

    it.effect("keeps nobody else waiting", () =>
      Effect.gen(function* () {
        const many = yield* queued(12)
        const [one = many[0]] = yield* queued(1)
        assert.deepStrictEqual(idsOf(yield* takeOf([...many, ...(one ? [one] : [])])), [
          ...many.slice(0, SHARE),
          one,
        ])
      }),
    )
  })
}
