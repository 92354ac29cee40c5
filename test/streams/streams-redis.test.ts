import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { AppConfig } from "../../src/config.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { beginningOf } from "../../src/streams/event-range.ts"
import { LIBRARIES, libraryName } from "../../src/streams/function-library.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { LEFT_BEHIND_MS, leftBehind } from "../../src/streams/queue-readers-redis.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import { RedisServer } from "../cluster/redis-server.ts"
import { ownPrefix, settings } from "../settings.ts"
import {
  append,
  closing,
  commandId,
  firstEvents,
  LATER,
  news,
  openAll,
  opened,
  owning,
  somePartner,
  takeAll,
} from "./log-under-test.ts"
import { streamsContract } from "./streams-contract.ts"
import { layer as streamsOnRedis } from "./streams-under-test.ts"
import { wholeLog } from "./whole-log.ts"

streamsContract("the event log on Redis", streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)))

const prefix = ownPrefix()
const withShare = (share: number) =>
  streamsOnRedis.pipe(
    Layer.provideMerge(RedisConnections.layer),
    Layer.provide(settings({ STREAM_PREFIX: prefix, PARTITIONS: "4", PARTNER_SHARE: String(share) })),
  )

/** The keys of the batch's partition, and a connection to look at them. */
const redisOf = Effect.fnUntraced(function* (batch: BatchId) {
  const { commands } = yield* RedisConnections
  return { commands, keys: partitionKeys(prefix, (yield* wholeLog).partitions.of(batch)) }
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
      const log = yield* wholeLog
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
      const log = yield* wholeLog
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
      const log = yield* wholeLog
      const next = somePartner(log)
      const [batch, other] = [next(), next()]
      yield* openAll([batch, other])
      const { entry } = owning((yield* takeAll("w")).get(batch))
      const { commands, keys } = yield* redisOf(batch)
      yield* Effect.promise(() => commands.xdel(keys.ready, entry))
      yield* log.sweep(LATER, LATER, 400)
      assert.isTrue((yield* takeAll("w")).has(batch))
      const queued = yield* Effect.promise(() => commands.hget(keys.lanes, batch.slice(3, 8)))
      assert.strictEqual(queued, "2", "each has one place in its partner shard")
    }),
  )

  it.effect("are mended by the sweep when a batch that is owned is not marked as scheduled", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const owned = yield* opened("w")
      const { commands, keys } = yield* redisOf(owned.batch)
      yield* Effect.promise(() => commands.hdel(keys.scheduled, owned.batch))
      yield* log.sweep(LATER, LATER, 400)
      assert.isFalse((yield* takeAll("other")).has(owned.batch), "it has its owner")
      const mark = yield* Effect.promise(() => commands.hget(keys.scheduled, owned.batch))
      assert.strictEqual(mark, owned.entry)
    }),
  )

  it.effect("are mended by the sweep when a waiting batch is not in its line", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const next = somePartner(log)
      const batches = [next(), next(), next(), next()]
      const [, , missing, waiting] = batches
      assert(missing && waiting)
      yield* openAll(batches)
      const taken = yield* takeAll("w")
      const { commands, keys } = yield* redisOf(missing)
      const line = yield* Effect.promise(() => commands.zrangebylex(keys.waiting, "-", "+"))
      const places = line.filter((place) => place.endsWith(missing))
      assert.strictEqual(places.length, 1)
      yield* Effect.promise(() => commands.zrem(keys.waiting, ...places))
      assert.isAtLeast(yield* log.sweep(LATER, LATER, 400), 1)

      const order: Array<BatchId> = []
      for (const owned of [...taken.values()].filter(({ batch }) => batches.includes(batch))) {
        yield* log.release(owned, undefined)
        order.push(...[...(yield* takeAll("w")).keys()].filter((batch) => batches.includes(batch)))
      }
      assert.deepStrictEqual(order, [waiting, missing], "it has lost its turn, and not its place")
    }),
  )

  it.effect("are mended by the sweep when a batch stands in a line and waits for nothing", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const owned = yield* opened("w")
      const { commands, keys } = yield* redisOf(owned.batch)
      const partnerShard = owned.batch.slice(3, 8)
      const place = `${partnerShard}:${"0".repeat(16)}:${owned.batch}`
      yield* Effect.promise(() => commands.zadd(keys.waiting, 0, place))
      yield* log.sweep(LATER, LATER, 400)
      assert.isNull(yield* Effect.promise(() => commands.zscore(keys.waiting, place)))
      yield* log.release(owned, undefined)
      assert.isFalse((yield* takeAll("w")).has(owned.batch))
    }),
  )

  it.effect(
    "are mended by the sweep when a partner shard was counted wrong, and those who waited for nothing go on",
    () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const next = somePartner(log)
        const batches = [next(), next(), next()]
        const [first, , third] = batches
        assert(first && third)
        const { commands, keys } = yield* redisOf(first)
        const partnerShard = first.slice(3, 8)
        yield* Effect.promise(() => commands.hset(keys.lanes, partnerShard, 99))
        yield* openAll(batches)
        const takeOwn = Effect.map(takeAll("w"), (taken) =>
          [...taken.values()].filter(({ batch }) => batches.includes(batch)),
        )
        const idsOf = (owned: ReadonlyArray<Ownership>) => owned.map(({ batch }) => batch)
        assert.deepStrictEqual(idsOf(yield* takeOwn), [], "a full share, as far as anyone knows")
        yield* log.sweep(LATER, LATER, 400)
        const taken = yield* takeOwn
        assert.deepStrictEqual(idsOf(taken), batches.slice(0, 2))
        assert.strictEqual(yield* Effect.promise(() => commands.hget(keys.lanes, partnerShard)), "2")
        for (const owned of taken) yield* log.release(owned, undefined)
        assert.deepStrictEqual(idsOf(yield* takeOwn), [third])
        yield* Effect.promise(() => commands.hset(keys.lanes, "zzzzz", 7))
        yield* log.sweep(LATER + 1, LATER + 1, 400)
        assert.isNull(yield* Effect.promise(() => commands.hget(keys.lanes, "zzzzz")))
      }),
  )

  it.effect("know for how long a command is recognised", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { batch } = yield* opened("w")
      const { commands, keys } = yield* redisOf(batch)
      const short = { ...commandId("short"), keptMs: 1 }
      yield* log.enqueue(batch, news(1), short)
      const told = keys.told(batch, "short")
      while ((yield* Effect.promise(() => commands.exists(told))) === 1) yield* Effect.yieldNow
      assert.isFalse(yield* log.wasEnqueued(batch, short))
      yield* log.enqueue(batch, news(2), commandId("long"))
      const left = yield* Effect.promise(() => commands.pttl(keys.told(batch, "long")))
      assert.isTrue(left > 590_000 && left <= 600_000, `${left} ms are left`)
    }),
  )

  it.effect("tell which workers were killed: silent for long, and without a batch", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { batch } = yield* opened("holder")
      yield* log.release(yield* opened("passer-by"), undefined)
      const { commands, keys } = yield* redisOf(batch)
      const silent = yield* leftBehind(commands, keys.ready, 0)
      assert.include(silent, "passer-by")
      assert.notInclude(silent, "holder")
      assert.deepStrictEqual(yield* leftBehind(commands, keys.ready, LEFT_BEHIND_MS), [])
    }),
  )

  it.effect("keep staged events for ten minutes, and the log for ever", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
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
      assert.deepInclude(fewer, { _tag: "StoreUnavailable" }, "more is staged under that command")

      yield* Effect.promise(() => commands.del(staged))
      yield* log.open(batch, events.slice(0, 40), "another")
      assert.strictEqual(yield* ttl(keys.log(batch)), -1, "what became the log does not expire")
      assert.strictEqual(yield* ttl(keys.staged(batch, "another")), -2)
    }),
  )

  it.effect("let no batch be opened when what was staged for it has expired", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const batch = somePartner(log)()
      const events = Array.from({ length: 400 }, (_, index) => closing(index))
      const { commands, keys } = yield* redisOf(batch)
      const opening = yield* Effect.forkChild(log.open(batch, events, "slow"))
      let expired = 0
      while (expired === 0)
        expired = yield* Effect.promise(() => commands.pexpire(keys.staged(batch, "slow"), 0))
      const refused = yield* Effect.flip(Fiber.join(opening))
      assert.deepInclude(refused, { _tag: "StoreUnavailable", step: "open" })
      assert.deepStrictEqual(yield* log.read(batch, 0, 10), [])
    }),
  )

  it.effect("fill a share that was raised, two batches at a time", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const next = somePartner(log)
      const batches = Array.from({ length: 8 }, next)
      yield* openAll(batches)
      const taken = yield* takeAll("w")
      const [one, other] = batches.map((batch) => taken.get(batch))
      assert(one && other)
      const takenAfter = yield* Effect.gen(function* () {
        const raised = yield* wholeLog
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

const onServer = (url: string) =>
  streamsOnRedis.pipe(
    Layer.provideMerge(RedisConnections.layer),
    Layer.provideMerge(settings({ REDIS_URL: url, STREAM_PREFIX: prefix, PARTITIONS: "4" })),
  )

/** On a server of their own: all test files call the functions of the one that they share. */
const onOwnServer = Layer.unwrap(
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "atlaspay-functions-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
    )
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => RedisServer.start({ folder })),
      (server) => Effect.promise(() => server[Symbol.asyncDispose]()),
    )
    return onServer(server.url)
  }),
)

layer(onOwnServer, { excludeTestServices: true })("the functions of the event log", (it) => {
  it.effect("work again after the server lost its functions", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { commands } = yield* RedisConnections
      const libraries = yield* Effect.promise(() => commands.function("LIST"))
      assert.isAtLeast((libraries as ReadonlyArray<unknown>).length, 1)
      yield* Effect.promise(() => commands.function("FLUSH"))
      assert.strictEqual((yield* log.open(somePartner(log)(), firstEvents, "again"))._tag, "Opened")
    }),
  )

  it.effect(
    "are worked on by this release's functions, and those of the two before it, and no older ones",
    () =>
      Effect.gen(function* () {
        const { commands } = yield* RedisConnections
        const names = ["1", "20", "300", ""].map(
          (loadedAt) => [`atlaspay_test_${loadedAt}`, loadedAt] as const,
        )
        for (const [name, loadedAt] of names) {
          const code = `redis.register_function{ function_name = '${name}', description = '${loadedAt}', callback = function() end }`
          const load = () => commands.function("LOAD", "REPLACE", `#!lua name=${name}\n${code}`)
          yield* Effect.promise(load)
        }
        yield* Layer.build(
          Layer.fresh(onServer(yield* Effect.map(AppConfig, ({ redis }) => Redacted.value(redis.url)))),
        )
        const listed = yield* Effect.promise(() => commands.function("LIST", "LIBRARYNAME", LIBRARIES))
        const left = (listed as ReadonlyArray<ReadonlyArray<unknown>>).map(([, name]) => name)
        assert.sameMembers(left, [libraryName, "atlaspay_test_300", "atlaspay_test_20"])
        yield* Effect.promise(() => commands.function("DELETE", "atlaspay_test_300"))
        yield* Effect.promise(() => commands.function("DELETE", "atlaspay_test_20"))
      }).pipe(Effect.scoped),
  )
})
