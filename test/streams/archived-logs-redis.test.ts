/** Archived logs on Redis: the contract, what is in the keys, and what it costs. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { type CrashPoint, CrashPoints } from "../../src/platform/crash-point.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { RedisCommands } from "../../src/platform/redis-client.ts"
import type { ArchivedLog } from "../../src/streams/log-archive.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { ownPrefix, settings } from "../settings.ts"
import { archivedLogContract, closedBatch } from "./archived-log-contract.ts"
import {
  append,
  closing,
  commandId,
  firstEvents,
  news,
  owning,
  somePartner,
  takeAll,
} from "./log-under-test.ts"
import { MemoryArchive } from "./memory-archive.ts"
import { wholeLog } from "./whole-log.ts"

archivedLogContract(
  "archived logs of the event log on Redis",
  streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
)

const prefix = ownPrefix()
const archive = new MemoryArchive()
const keys = partitionKeys(prefix, 0)
/** The commands that were sent, by their names. */
const sent: Array<string> = []

/** Connections that note each command of the event log. */
const noted = Layer.effect(
  RedisConnections,
  Effect.map(RedisConnections, (real) => ({ ...real, commands: noting(real.commands) })),
).pipe(Layer.provide(RedisConnections.layer))

const noting = (commands: RedisCommands): RedisCommands =>
  new Proxy(commands, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== "function") return value
      return (...args: ReadonlyArray<unknown>) => {
        if (name !== "on" && name !== "cork") sent.push(String(name))
        return Reflect.apply(value, target, args)
      }
    },
  })

const sentBy = <A, E, R>(step: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    sent.length = 0
    return Effect.map(step, () => [...sent])
  })

/** Where a process that restores a log dies, once. */
let diesAt: CrashPoint | undefined
const mortal = Layer.succeed(CrashPoints, (point) =>
  Effect.suspend(() => {
    if (point !== diesAt) return Effect.void
    diesAt = undefined
    return Effect.die(new Error(`killed at ${point}`))
  }),
)

const underTest = streamsOnRedis.pipe(
  Layer.provide(mortal),
  Layer.provideMerge(noted),
  Layer.provide([archive.layer, settings({ STREAM_PREFIX: prefix, PARTITIONS: "1" })]),
)

/** Archives a log with the texts of its entries. */
const keep = Effect.fnUntraced(function* (batch: BatchId, reservedName?: BatchId) {
  const log = yield* wholeLog
  return archive.keep(batch, yield* log.read(batch, 0, 1_000), reservedName, ({ version, event }) =>
    encodeEvent(firstEvents[version - 1] ?? event),
  )
})

const unlinked = Effect.fnUntraced(function* (batch: BatchId, reservedName?: BatchId) {
  const kept: ArchivedLog = yield* keep(batch, reservedName)
  assert.strictEqual(yield* (yield* LogUnlinking).unlink(kept), "unlinked")
  archive.noted(batch, 1)
  return kept
})

const redis = Effect.map(RedisConnections, ({ commands }) => commands)

layer(underTest, { excludeTestServices: true })("the keys of archived logs", (it) => {
  it.effect("are gone, and come back with the same entries and without an end", () =>
    Effect.gen(function* () {
      const { restore } = yield* LogUnlinking
      const commands = yield* redis
      const batch = yield* closedBatch()
      const entries = () => Effect.promise(() => commands.xrange(keys.log(batch), "-", "+"))
      const before = (yield* entries()).map(([id, [, text, , hash]]) => [id, ["e", text, "h", hash]])
      const own = () => Effect.promise(() => commands.keys(`${prefix}:*${batch}*`))
      yield* unlinked(batch)
      assert.deepStrictEqual(yield* own(), [])
      assert.strictEqual(yield* restore(batch), "restored")
      assert.deepStrictEqual(yield* entries(), before)
      assert.strictEqual(yield* Effect.promise(() => commands.pttl(keys.log(batch))), -1)
      assert.deepStrictEqual(yield* own(), [keys.log(batch)], "nothing is left staged")
    }),
  )

  it.effect("take no more room with each batch, whatever its key was", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const commands = yield* redis
      const all = () => Effect.promise(() => commands.keys(`${prefix}:*`))
      const settle = Effect.gen(function* () {
        const plain = somePartner(log)()
        yield* log.reserve(plain)
        yield* unlinked(yield* closedBatch(4), plain)
        yield* log.trim(0, "9999999999999-0")
      })
      yield* settle
      const [before, size] = [
        (yield* all()).length,
        yield* Effect.promise(() => commands.strlen(keys.archivedNames)),
      ]
      for (let batches = 0; batches < 20; batches += 1) yield* settle
      assert.strictEqual((yield* all()).length, before)
      const after = yield* Effect.promise(() => commands.strlen(keys.archivedNames))
      assert.isAtMost(Math.max(size, after), 1024 * 1024)
    }),
  )

  it.effect(
    "cost nothing where a log is in Redis: no command more to open, append, and read what is there",
    () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        const read = (after: number) => sentBy(log.read(batch, after, 10))
        assert.deepStrictEqual(yield* sentBy(log.open(batch, firstEvents, "a")), ["fcall"])
        const owned = owning((yield* takeAll("w")).get(batch))
        const { hash: head = "" } = (yield* log.read(batch, 1, 1))[0] ?? {}
        const events = [closing(1)]
        const appended = log.append(owned, {
          ...{ expectedVersion: 2, head, events, handled: [], commandId: "b", open: false },
        })
        assert.deepStrictEqual(yield* sentBy(appended), ["fcall"])
        assert.deepStrictEqual(yield* read(0), ["xrange"])
        assert.deepStrictEqual(yield* read(2), ["xrange"])
        assert.deepStrictEqual(yield* sentBy(log.enqueue(batch, news(1), commandId())), ["fcall"])
        const range = { batch, after: 2, to: 3, head: undefined }
        assert.deepStrictEqual(yield* sentBy(log.readRanges([range])), ["xread"])
        assert.deepStrictEqual(yield* read(3), ["xrange"], "the end of a log is seen there")
        assert.deepStrictEqual(yield* read(4), ["xrange", "fcall"], "only who sees nothing asks for the log")
      }),
  )

  it.effect("are restored wholly or not at all: what is staged and not finished expires", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const commands = yield* redis
      const batch = yield* closedBatch()
      yield* unlinked(batch)
      archive.tamperWith(batch, 40)
      const { restore } = yield* LogUnlinking
      assert.strictEqual((yield* Effect.flip(restore(batch)))._tag, "CorruptEntry")
      const [staged = "", ...others] = yield* Effect.promise(() => commands.keys(`${prefix}:*${batch}*`))
      assert.deepStrictEqual([staged.startsWith(keys.staged(batch, "restored-")), others], [true, []])
      const left = yield* Effect.promise(() => commands.pttl(staged))
      assert.isTrue(left > 590_000 && left <= 600_000, `${left} ms are left`)
      assert.strictEqual((yield* log.read(batch, 0, 1)).length, 1, "it is read from the archive")
    }),
  )

  it.effect("are whole again whenever who restored them died, and again after the next one", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { restore, counts } = yield* LogUnlinking
      const batch = yield* closedBatch()
      const before = yield* log.read(batch, 0, 100)
      for (const point of ["before-restore", "within-restore", "after-restore"] as const) {
        const kept = yield* unlinked(batch)
        const [counted] = yield* counts
        diesAt = point
        assert.isTrue(Exit.isFailure(yield* Effect.exit(log.enqueue(batch, news(1), commandId(point)))))
        assert.deepStrictEqual(yield* log.read(batch, 0, 100), before)
        assert.deepStrictEqual(yield* log.mail(batch, 10), [], "its sender sends it again")
        yield* log.enqueue(batch, news(1), commandId(point))
        assert.deepStrictEqual(yield* log.read(batch, 0, 100), before)
        assert.deepStrictEqual(
          [(yield* counts)[0]?.unlinked, (yield* log.mail(batch, 10)).length],
          [(counted?.unlinked ?? 0) - 1, 1],
        )
        assert.strictEqual(yield* restore(batch), "there")
        const owned = owning((yield* takeAll("w")).get(batch))
        const handled = (yield* log.mail(batch, 10)).map(({ id }) => id)
        yield* log.append(owned, {
          ...{ expectedVersion: kept.version, head: kept.head, events: [], handled },
          ...{ commandId: point, open: false },
        })
        yield* log.release(owned, undefined)
      }
    }),
  )

  it.effect("are counted anew from the archive after Redis came back older", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { counts, recount, restored } = yield* LogUnlinking
      const commands = yield* redis
      const plain = somePartner(log)()
      const [gone, back, half] = [yield* closedBatch(4), yield* closedBatch(4), yield* closedBatch(4)]
      yield* unlinked(gone, plain)
      yield* unlinked(half)
      archive.noted(half, undefined)
      // As if this one had been unlinked after the backup was made.
      yield* keep(back)
      archive.noted(back, 1)
      const [before] = yield* counts
      yield* Effect.promise(() => commands.del(keys.archived, keys.archivedNames, keys.restored))
      assert.strictEqual((yield* log.open(somePartner(log)(), firstEvents, "a"))._tag, "Opened")
      assert.deepStrictEqual(yield* counts, [{ partition: 0, unlinked: 0, restored: 0 }])
      assert.deepStrictEqual(yield* log.read(gone, 0, 1), [], "nobody would know")

      const uncounted: Array<BatchId> = []
      const note = (logs: ReadonlyArray<ArchivedLog>) =>
        Effect.sync(() => uncounted.push(...logs.map(({ batch }) => batch)))
      const found = yield* recount(0, (logs) => Effect.asVoid(note(logs)))
      assert.strictEqual(found, before?.unlinked)
      assert.deepStrictEqual(uncounted, [half])
      assert.include(yield* restored(100), back)
      assert.strictEqual((yield* log.open(gone, firstEvents, "again"))._tag, "Exists")
      assert.strictEqual((yield* log.open(half, firstEvents, "again"))._tag, "Exists")
      assert.strictEqual((yield* log.open(plain, firstEvents, "again"))._tag, "Reserved")
      const [after] = yield* counts
      assert.strictEqual(yield* recount(0, () => Effect.void), found, "again it changes nothing")
      assert.deepStrictEqual((yield* counts)[0], after)
    }),
  )

  it.effect("take the place of their beginnings that came back, and of no other log", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { counts, recount, restore, unlink } = yield* LogUnlinking
      const commands = yield* redis
      const batches = [yield* closedBatch(), yield* closedBatch(), yield* closedBatch(4)] as const
      const [shorter, other, closed] = batches
      const before = yield* log.read(shorter, 0, 100)
      for (const batch of batches) yield* keep(batch)
      archive.noted(shorter, 1)
      for (const batch of [shorter, other])
        yield* Effect.promise(() => commands.xdel(keys.log(batch), "38-0", "39-0", "40-0"))
      // This one has gone on since.
      yield* Effect.promise(() => commands.call("XSETID", keys.log(other), "37-0"))
      yield* Effect.promise(() => commands.xadd(keys.log(other), "38-0", "e", "{}", "h", "another"))
      const [{ unlinked: counted } = { unlinked: 0 }] = yield* counts
      yield* recount(0, () => Effect.void)
      assert.deepStrictEqual(yield* log.read(shorter, 0, 100), before)
      assert.strictEqual(yield* Effect.promise(() => commands.pttl(keys.log(shorter))), -1)
      assert.strictEqual(yield* Effect.promise(() => commands.xlen(keys.log(other))), 38)
      assert.strictEqual(yield* restore(other), "there")
      assert.strictEqual(yield* restore(closed), "there")
      assert.strictEqual((yield* counts)[0]?.unlinked, counted, "it was not unlinked")
      assert.deepStrictEqual(yield* Effect.promise(() => commands.keys(`${prefix}:*staged*${other}*`)), [])
      const { version = 0, hash: head = "" } = before.at(-1) ?? {}
      assert.strictEqual(yield* unlink({ batch: shorter, version, head }), "unlinked")
      archive.forget(other)
    }),
  )

  it.effect("are counted right although one comes back meanwhile", () =>
    Effect.gen(function* () {
      const { counts, recount, restore } = yield* LogUnlinking
      const commands = yield* redis
      const [first, second] = [yield* closedBatch(4), yield* closedBatch(4)]
      for (const batch of [first, second]) yield* unlinked(batch)
      for (const batch of [first, second]) archive.noted(batch, undefined)
      const [before] = yield* counts
      yield* Effect.promise(() => commands.del(keys.archived))
      let isRestored = false
      yield* recount(0, () =>
        Effect.suspend(() => {
          if (isRestored) return Effect.void
          isRestored = true
          return Effect.orDie(restore(first))
        }),
      )
      assert.isTrue(isRestored)
      assert.strictEqual((yield* counts)[0]?.unlinked, (before?.unlinked ?? 0) - 1)
    }),
  )

  it.effect("may be retried: a late answer of the worker that closed the batch is no other history", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const { restore } = yield* LogUnlinking
      const batch = yield* closedBatch(4)
      const before = yield* log.read(batch, 0, 10)
      yield* unlinked(batch)
      const ghost = { batch, entry: "1-1", worker: "w" }
      const again = { events: [closing(2), closing(3)], open: false }
      assert.strictEqual((yield* Effect.flip(append(ghost, 2, "close", again)))._tag, "OwnershipLost")
      yield* restore(batch)
      assert.strictEqual((yield* Effect.flip(append(ghost, 2, "close", again)))._tag, "OwnershipLost")
      assert.strictEqual((yield* log.open(batch, firstEvents, `open-${batch}`))._tag, "Exists")
      assert.deepStrictEqual(yield* log.read(batch, 0, 10), before)
    }),
  )
})
