import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { EventLog } from "../../src/streams/event-log.ts"
import { layer as eventLogOnRedis } from "../../src/streams/event-log-redis.ts"
import { beginningOf } from "../../src/streams/event-range.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { ownPrefix, settings } from "../settings.ts"
import { eventLogContract } from "./event-log-contract.ts"
import {
  append,
  closing,
  firstEvents,
  LATER,
  openAll,
  opened,
  somePartner,
  takeAll,
} from "./log-under-test.ts"

eventLogContract("the event log on Redis", eventLogOnRedis.pipe(Layer.provide(RedisConnections.layer)))

const prefix = ownPrefix()
const withShare = (share: number) =>
  eventLogOnRedis.pipe(
    Layer.provideMerge(RedisConnections.layer),
    Layer.provide(settings({ STREAM_PREFIX: prefix, PARTITIONS: "4", PARTNER_SHARE: String(share) })),
  )

/** The keys of the batch's partition, and a connection to look at them. */
const redisOf = Effect.fnUntraced(function* (batch: BatchId) {
  const { commands } = yield* RedisConnections
  return { commands, keys: partitionKeys(prefix, (yield* EventLog).partitionOf(batch)) }
})

layer(withShare(2), { excludeTestServices: true })("the keys of the event log", (it) => {
  it.effect("hold entries 1-0 to n-0, as redis-cli shows them", () =>
    Effect.gen(function* () {
      const owned = yield* opened("w")
      yield* append(owned, 2, "c")
      const { commands, keys } = yield* redisOf(owned.batch)
      const entries = yield* Effect.promise(() => commands.xrange(keys.log(owned.batch), "-", "+"))
      assert.deepStrictEqual(
        entries.map(([id]) => id),
        ["1-0", "2-0", "3-0"],
      )
    }),
  )

  it.effect("show when an entry was changed: its hash, or the next one, does not follow", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const batch = somePartner(log)()
      yield* log.open(batch, [...firstEvents, closing(1), closing(2)], "a")
      const { commands, keys } = yield* redisOf(batch)
      const key = keys.log(batch)
      const entries = yield* Effect.promise(() => commands.xrange(key, "-", "+"))
      /** Writes the log anew, with the third entry as it is given. */
      const rewrite = (...third: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          await commands.del(key)
          for (const [id, fields] of entries) await commands.xadd(key, id, ...(id === "3-0" ? third : fields))
        })
      const verified = log.read(batch, 0, 10, beginningOf(batch).head)
      const [, , third = ["", []], fourth = ["", []]] = entries
      const [, text = "", , hash = "", , command = ""] = third[1]
      const changed = text.replace("settled", "failed")

      yield* rewrite("e", changed, "h", hash, "c", command)
      assert.deepInclude(yield* Effect.flip(verified), { _tag: "CorruptEntry", entry: "3-0" })
      yield* rewrite(...fourth[1])
      assert.deepInclude(yield* Effect.flip(verified), { _tag: "CorruptEntry", entry: "3-0" })
      yield* rewrite("e", text, "h", hash, "c", command)
      assert.strictEqual((yield* verified).length, 4)
    }),
  )

  it.effect("show when an entry cannot be read, and when one is missing", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { batch } = yield* opened("w")
      const { commands, keys } = yield* redisOf(batch)
      const key = keys.log(batch)
      yield* Effect.promise(() => commands.xadd(key, "3-0", "e", '{"_tag":"FromTheFuture"}', "c", "x"))
      const unreadable = yield* Effect.flip(log.read(batch, 0, 10))
      assert.deepInclude(unreadable, { _tag: "CorruptEntry", entry: "3-0" })
      yield* Effect.promise(() => commands.xdel(key, "2-0"))
      const gap = yield* Effect.flip(log.read(batch, 0, 2))
      assert.deepInclude(gap, { _tag: "CorruptEntry", entry: "3-0" })
    }),
  )

  it.effect("are mended by the sweep when an entry of the run queue is gone", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { batch, entry } = yield* opened("w")
      const { commands, keys } = yield* redisOf(batch)
      yield* Effect.promise(() => commands.xdel(keys.ready, entry))
      yield* log.sweep(LATER, LATER, 400)
      assert.isTrue((yield* takeAll("w")).has(batch))
      const queued = yield* Effect.promise(() => commands.hget(keys.lanes, batch.slice(3, 8)))
      assert.strictEqual(queued, "1", "it has one place in its lane, not two")
    }),
  )

  it.effect("keep staged events for ten minutes, and the log for ever", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const batch = somePartner(log)()
      const events = Array.from({ length: 400 }, (_, index) => closing(index))
      const { commands, keys } = yield* redisOf(batch)
      const staged = keys.staged(batch, "broken off")
      const ttl = (key: string) => Effect.promise(() => commands.pttl(key))

      const opening = yield* Effect.forkChild(log.open(batch, events, "broken off"))
      while ((yield* ttl(staged)) === -2) yield* Effect.yieldNow
      yield* Fiber.interrupt(opening)
      const left = yield* ttl(staged)
      assert.isTrue(left > 590_000 && left <= 600_000, `${left} ms are left`)
      const fewer = yield* Effect.flip(log.open(batch, events.slice(0, 8), "broken off"))
      assert.deepInclude(fewer, { _tag: "StreamsUnavailable" }, "more is staged under that command")

      yield* Effect.promise(() => commands.del(staged))
      yield* log.open(batch, events.slice(0, 40), "another")
      assert.strictEqual(yield* ttl(keys.log(batch)), -1, "what became the log does not expire")
      assert.strictEqual(yield* ttl(keys.staged(batch, "another")), -2)
    }),
  )

  it.effect("let no batch be opened when what was staged for it has expired", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const batch = somePartner(log)()
      const events = Array.from({ length: 400 }, (_, index) => closing(index))
      const { commands, keys } = yield* redisOf(batch)
      const opening = yield* Effect.forkChild(log.open(batch, events, "slow"))
      let expired = 0
      while (expired === 0)
        expired = yield* Effect.promise(() => commands.pexpire(keys.staged(batch, "slow"), 0))
      const refused = yield* Effect.flip(Fiber.join(opening))
      assert.deepInclude(refused, { _tag: "StreamsUnavailable", step: "open" })
      assert.deepStrictEqual(yield* log.read(batch, 0, 10), [])
    }),
  )

  it.effect("work again after the server lost its functions", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { commands } = yield* RedisConnections
      const libraries = yield* Effect.promise(() => commands.function("LIST"))
      assert.isAtLeast((libraries as ReadonlyArray<unknown>).length, 1)
      yield* Effect.promise(() => commands.function("FLUSH"))
      assert.strictEqual((yield* log.open(somePartner(log)(), firstEvents, "again"))._tag, "Opened")
    }),
  )

  it.effect("fill a share that was raised, two batches at a time", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const next = somePartner(log)
      const batches = Array.from({ length: 8 }, next)
      yield* openAll(batches)
      const taken = yield* takeAll("w")
      const [one, other] = batches.map((batch) => taken.get(batch))
      assert(one && other)
      const takenAfter = yield* Effect.gen(function* () {
        const raised = yield* EventLog
        const counts: Array<number> = []
        for (const owned of [one, other]) {
          yield* raised.release(owned, undefined)
          counts.push([...(yield* takeAll("w")).keys()].filter((batch) => batches.includes(batch)).length)
        }
        return counts
      }).pipe(Effect.provide(Layer.fresh(withShare(4))))
      assert.deepStrictEqual(takenAfter, [2, 2])
    }),
  )
})
