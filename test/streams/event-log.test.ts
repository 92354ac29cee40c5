import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { emptyBatch } from "../../src/domain/batch.ts"
import { decide } from "../../src/domain/decide.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { EventLog, type Ownership } from "../../src/streams/event-log.ts"
import { layer as eventLogOnRedis } from "../../src/streams/event-log-redis.ts"
import { receiveBatch } from "../domain/batch-story.ts"
import { settings } from "../settings.ts"
import { headAt, takeFrom } from "./log-under-test.ts"

const MAILBOX_MAX = 3

const redis = eventLogOnRedis.pipe(
  Layer.provideMerge(RedisConnections.layer),
  Layer.provide(settings({ PARTITIONS: "4", MAILBOX_MAX: String(MAILBOX_MAX), PARTNER_SHARE: "1000" })),
)

const first: ReadonlyArray<BatchEvent> = Result.getOrThrow(
  decide(emptyBatch(), { ...receiveBatch(1), at: 1 }),
)
const closed: BatchEvent = { _tag: "BatchClosed", at: 2, state: "settled" }
const news = {
  _tag: "RecordTransfer",
  at: 3,
  item: 1,
  attempt: 1,
  outcome: { _tag: "NeverSeen", quarantineMs: 0 },
} as const

let batches = 0
/** A batch that no other test uses. */
const someBatch = () => BatchId.make(`pb_${"a".repeat(20)}${"abcdefghijklmnopqrstuvwxyz"[++batches]}a`)

/** Everything that is scheduled now, by batch. */
const takeAll = Effect.fnUntraced(function* (worker: string) {
  const log = yield* EventLog
  return new Map((yield* takeFrom(log, worker, 64, 20)).map((owned) => [owned.batch, owned] as const))
})

const opened = Effect.fnUntraced(function* (worker: string) {
  const log = yield* EventLog
  const batch = someBatch()
  yield* log.open(batch, first, `open-${batch}`)
  const owned = (yield* takeAll(worker)).get(batch)
  assert(owned, "the opened batch is scheduled")
  return owned
})

const append = Effect.fnUntraced(function* (owned: Ownership, expectedVersion: number, commandId: string) {
  const log = yield* EventLog
  const head = yield* headAt(log, owned.batch, expectedVersion)
  return yield* log.append(owned, {
    expectedVersion,
    head,
    events: [closed],
    handled: [],
    commandId,
    open: true,
  })
})

layer(redis)("the event log", (it) => {
  it.effect("is opened once, and answers everyone else with its first event", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const batch = someBatch()
      assert.deepStrictEqual(yield* log.open(batch, first, "a"), { _tag: "Opened" })
      assert.deepStrictEqual(
        yield* log.open(batch, first, "a"),
        { _tag: "Opened" },
        "a retry of the same command",
      )
      const other: unknown = yield* log.open(batch, first, "b")
      assert.deepStrictEqual(other, { _tag: "Exists", first: first[0] })
      const versions = (yield* log.read(batch, 0, 10)).map(({ version }) => version)
      assert.deepStrictEqual(versions, [1, 2])
      assert.strictEqual([...(yield* takeAll("w")).keys()].filter((taken) => taken === batch).length, 1)
    }),
  )

  it.effect("has entry ids 1-0 to n-0, as redis-cli shows them", () =>
    Effect.gen(function* () {
      const owned = yield* opened("w")
      yield* append(owned, 2, "c")
      const { commands } = yield* RedisConnections
      const [key] = yield* Effect.promise(() => commands.keys(`*:log:${owned.batch}`))
      const entries = yield* Effect.promise(() => commands.xrange(key ?? "", "-", "+"))
      assert.deepStrictEqual(
        entries.map(([id]) => id),
        ["1-0", "2-0", "3-0"],
      )
    }),
  )

  it.effect("takes an append only at the version that was read", () =>
    Effect.gen(function* () {
      const owned = yield* opened("w")
      assert.strictEqual((yield* append(owned, 2, "one")).version, 3)
      const behind = yield* Effect.flip(append(owned, 2, "two"))
      assert.deepInclude(behind, { _tag: "OwnershipLost", reason: "log-moved-on" })
      const ahead = yield* Effect.flip(append(owned, 9, "three"))
      assert.deepInclude(ahead, { _tag: "OwnershipLost", reason: "log-moved-on" })
    }),
  )

  it.effect("answers a retried append as done, and appends it once", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      const done = yield* append(owned, 2, "same")
      assert.deepStrictEqual(yield* append(owned, 2, "same"), done)
      assert.strictEqual((yield* log.read(owned.batch, 0, 10)).length, 3)
    }),
  )

  it.effect("lets nobody append who does not own the batch", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const zombie = yield* opened("zombie")
      const [heir] = (yield* log.takeOver("heir", 0, 64)).filter(({ batch }) => batch === zombie.batch)
      assert(heir, "an idle entry is taken over")
      assert.deepStrictEqual(yield* log.renew([zombie]), [zombie], "a lost entry is not renewed back")
      assert.deepInclude(yield* Effect.flip(append(zombie, 2, "z")), { reason: "taken-over" })
      assert.deepInclude(yield* Effect.flip(log.release(zombie, undefined)), { reason: "taken-over" })
      assert.deepInclude(yield* Effect.flip(log.handOver(zombie)), { reason: "taken-over" })
      assert.strictEqual((yield* append(heir, 2, "h")).version, 3)
      assert.deepStrictEqual(yield* log.renew([heir]), [])
    }),
  )

  it.effect("keeps an entry from being taken over while its owner renews it", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      yield* log.renew([owned])
      const taken = yield* log.takeOver("thief", 60_000, 64)
      assert.isFalse(taken.some(({ batch }) => batch === owned.batch))
    }),
  )

  it.effect("deletes mail in the step that answers it, and never before", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      yield* log.tell(owned.batch, news)
      yield* log.tell(owned.batch, news)
      const [mail] = yield* log.mail(owned.batch, 10)
      assert.deepStrictEqual(mail?.command, news)
      const handled = [mail?.id ?? ""]
      const answer = yield* log.append(owned, {
        expectedVersion: 2,
        head: yield* headAt(log, owned.batch, 2),
        events: [],
        handled,
        commandId: "m",
        open: true,
      })
      assert.deepInclude(answer, { version: 2, mailWaiting: 1 })
      assert.strictEqual(yield* log.release(owned, undefined), "mail-waiting")
    }),
  )

  it.effect("refuses mail when the mailbox is full, and for a batch that is not there", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      for (let sent = 0; sent < MAILBOX_MAX; sent++) yield* log.tell(owned.batch, news)
      assert.strictEqual((yield* Effect.flip(log.tell(owned.batch, news)))._tag, "MailboxFull")
      assert.strictEqual((yield* Effect.flip(log.tell(someBatch(), news)))._tag, "NoSuchBatch")
    }),
  )

  it.effect("tells who is awake: mail, timers and the sweep schedule a batch that was released, once", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      assert.strictEqual(yield* log.release(owned, 5_000), "released")
      yield* log.wake(4_999, 64)
      assert.isFalse((yield* takeAll("w")).has(owned.batch), "its timer is not due")
      yield* log.wake(5_000, 64)
      yield* log.tell(owned.batch, news)
      const timed = (yield* takeAll("w")).get(owned.batch)
      assert(timed, "its timer was due")
      assert.isFalse((yield* takeAll("w")).has(owned.batch), "one entry per batch")

      yield* append(timed, 2, "t")
      const [mail] = yield* log.mail(owned.batch, 10)
      const handled = [mail?.id ?? ""]
      const head = yield* headAt(log, timed.batch, 3)
      yield* log.append(timed, { expectedVersion: 3, head, events: [], handled, commandId: "u", open: true })
      yield* log.release(timed, undefined)
      const soon = Date.now() + 60_000
      yield* log.sweep(soon, soon, 64)
      assert.isTrue((yield* takeAll("w")).has(owned.batch), "open, and nothing would have woken it")
    }),
  )

  it.effect("mends a run-queue entry that is gone", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      const { commands } = yield* RedisConnections
      const [ready] = yield* Effect.promise(() => commands.keys(`*:{${log.partitionOf(owned.batch)}}:ready`))
      const keys = yield* Effect.promise(() => commands.keys(`*:log:${owned.batch}`))
      const own = (keys[0] ?? "").replace(/:log:.*/, ":ready")
      assert(ready, "the run queue exists")
      yield* Effect.promise(() => commands.xdel(own, owned.entry))
      const soon = Date.now() + 60_000
      yield* log.sweep(soon, soon, 64)
      assert.isTrue((yield* takeAll("w")).has(owned.batch))
    }),
  )

  it.effect("hands a batch over to any worker at once", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("leaving")
      yield* log.handOver(owned)
      assert.isTrue((yield* takeAll("staying")).has(owned.batch))
    }),
  )

  it.effect("tells its followers of every append in order", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("w")
      yield* append(owned, 2, "f1")
      yield* append(owned, 3, "f2")
      const partition = log.partitionOf(owned.batch)
      const all = (yield* log.feed(partition, "0-0", 1_000)).filter(({ batch }) => batch === owned.batch)
      assert.deepStrictEqual(
        all.map(({ from, to }) => [from, to]),
        [
          [1, 2],
          [3, 3],
          [4, 4],
        ],
      )
      const after = yield* log.feed(partition, all[1]?.id ?? "", 1_000)
      assert.deepStrictEqual(
        after.map(({ id }) => id),
        [all[2]?.id],
      )
      yield* log.trimFeed(partition, all[2]?.id ?? "")
      assert.isFalse((yield* log.feed(partition, "0-0", 1_000)).some(({ id }) => id === all[1]?.id))
    }),
  )

  it.effect("counts a batch in the backlog until an append closes it", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const before = (yield* log.backlog).open
      const owned = yield* opened("w")
      assert.strictEqual((yield* log.backlog).open, before + 1)
      yield* log.append(owned, {
        expectedVersion: 2,
        head: yield* headAt(log, owned.batch, 2),
        events: [closed],
        handled: [],
        commandId: "e",
        open: false,
      })
      assert.strictEqual((yield* log.backlog).open, before)
    }),
  )

  it.effect("names an entry that cannot be read, and a gap", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { commands } = yield* RedisConnections
      const owned = yield* opened("w")
      const [key = ""] = yield* Effect.promise(() => commands.keys(`*:log:${owned.batch}`))
      yield* Effect.promise(() => commands.xadd(key, "3-0", "e", '{"_tag":"FromTheFuture"}', "c", "x"))
      assert.deepInclude(yield* Effect.flip(log.read(owned.batch, 0, 10)), {
        _tag: "CorruptEntry",
        entry: "3-0",
      })
      yield* Effect.promise(() => commands.xdel(key, "2-0"))
      assert.deepInclude(yield* Effect.flip(log.read(owned.batch, 0, 2)), {
        _tag: "CorruptEntry",
        entry: "3-0",
      })
    }),
  )

  it.effect("works again after the server lost its functions", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { commands } = yield* RedisConnections
      const libraries = (yield* Effect.promise(() => commands.function("LIST"))) as ReadonlyArray<
        ReadonlyArray<string>
      >
      assert.isAtLeast(libraries.length, 1)
      yield* Effect.promise(() => commands.function("FLUSH"))
      assert.strictEqual((yield* log.open(someBatch(), first, "again"))._tag, "Opened")
    }),
  )

  it.effect("knows that the feed of a partition without any batch ends at its beginning", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* EventLog).feedEnd(1_000_000), "0-0")
    }),
  )

  it.effect("forgets a worker that owns nothing, and keeps one that does", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const owned = yield* opened("busy")
      yield* log.retire("busy")
      assert.strictEqual((yield* append(owned, 2, "still")).version, 3)
    }),
  )
})
