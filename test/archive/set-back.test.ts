/** A store comes back as it was before logs were archived, unlinked or brought back: it is noticed, and no log is lost that one of them has. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ArchiveStore } from "../../src/archive/archive-store.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { compareCounts } from "../../src/archive/count-comparison.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { LogArchive } from "../../src/streams/log-archive.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
import { wholeLog } from "../streams/whole-log.ts"
import {
  archiveStack,
  comesBack,
  goesOn,
  inRedis,
  keysOf,
  settledStory,
  standingOf,
  tamper,
  written,
} from "./archive-stack.ts"

const only = (...batches: ReadonlyArray<BatchId>) => ({ afterMs: 0, which: { batches } })

const archived = (batch: BatchId) => Effect.flatMap(LogArchive, ({ entries }) => entries(batch, 0, 1_000))

/** What an operator does once a loss is accepted (`atlaspay history accept`). */
const accept = Effect.fnUntraced(function* (batch: BatchId) {
  const partition = (yield* wholeLog).partitions.of(batch)
  yield* (yield* LogUnlinking).recount(partition, (yield* ArchiveStore).unlinked)
})

/** Redis as it is now, but for what all tests share. Gives how to set it back to that. */
const copyOf = Effect.fnUntraced(function* (batch: BatchId) {
  const { commands } = yield* RedisConnections
  const keys = yield* keysOf(batch)
  const names = [keys.log(batch), keys.archived, keys.archivedNames, keys.restored]
  const copies = yield* Effect.promise(() => Promise.all(names.map((name) => commands.dumpBuffer(name))))
  return Effect.promise(async () => {
    for (const [index, name] of names.entries()) {
      const copy = copies[index]
      await commands.del(name)
      if (copy) await commands.restore(name, 0, copy)
    }
  })
})

layer(archiveStack, { excludeTestServices: true })("a store that comes back older", (it) => {
  it.effect("Postgres, before a log was archived: it is archived again from Redis", () =>
    Effect.gen(function* () {
      const { batch } = yield* written(settledStory(1))
      yield* archiveRound(only(batch))
      const whole = yield* inRedis(batch)
      yield* tamper(`delete from archived_chunks where batch = '${batch}'`)
      yield* rowsOf((sql) => sql`delete from archived_logs where batch = ${batch}`)
      yield* rowsOf((sql) => sql`update closed_batches set archived_version = 0 where batch = ${batch}`)
      assert.deepStrictEqual((yield* unlinkRound(only(batch), [])).unlinked, [])
      assert.deepStrictEqual((yield* archiveRound(only(batch))).archived, [batch])
      assert.deepStrictEqual(yield* archived(batch), whole)
      assert.deepStrictEqual(yield* compareCounts(), [])
    }),
  )

  it.effect(
    "Postgres, before it noted that a log left Redis: the log is read, and noted once that is accepted",
    () =>
      Effect.gen(function* () {
        const { batch } = yield* written(settledStory(1))
        yield* archiveRound(only(batch))
        const log = yield* wholeLog
        const before = yield* log.read(batch, 0, 1_000, batch)
        yield* unlinkRound(only(batch), [])
        yield* rowsOf((sql) => sql`update archived_logs set unlinked_at = null where batch = ${batch}`)
        const partition = log.partitions.of(batch)
        assert.deepStrictEqual(yield* compareCounts(), [{ partition, older: "postgres", missing: 1 }])
        assert.deepStrictEqual(yield* log.read(batch, 0, 1_000, batch), before)
        yield* accept(batch)
        assert.deepInclude(yield* standingOf(batch), { unlinked: true })
        assert.deepStrictEqual(yield* compareCounts(), [])
      }),
  )

  it.effect("Redis, before a log left it: the log is there, and leaves again once that is accepted", () =>
    Effect.gen(function* () {
      const { batch } = yield* written(settledStory(1))
      yield* archiveRound(only(batch))
      const setBack = yield* copyOf(batch)
      yield* unlinkRound(only(batch), [])
      yield* setBack
      const partition = (yield* wholeLog).partitions.of(batch)
      assert.deepStrictEqual(yield* compareCounts(), [{ partition, older: "redis", missing: 1 }])
      yield* accept(batch)
      assert.deepStrictEqual(yield* compareCounts(), [])
      const [store, { restored }] = [yield* ArchiveStore, yield* LogUnlinking]
      yield* store.restored(yield* restored(100), 0)
      assert.deepStrictEqual((yield* unlinkRound(only(batch), [])).unlinked, [batch])
      assert.deepStrictEqual(yield* inRedis(batch), [])
      assert.deepStrictEqual(yield* compareCounts(), [])
    }),
  )

  it.effect("Redis, before a log was brought back and went on: the archive has all of it", () =>
    Effect.gen(function* () {
      const story = settledStory(1)
      const tail = yield* written(story)
      const { batch } = tail
      yield* archiveRound(only(batch))
      yield* unlinkRound(only(batch), [])
      const setBack = yield* copyOf(batch)
      const more = yield* goesOn(tail, comesBack(story))
      yield* archiveRound(only(batch))
      yield* setBack
      const log = yield* wholeLog
      assert.strictEqual((yield* log.read(batch, 0, 1_000, batch)).at(-1)?.hash, more.head)
      // By the counts alone nobody can tell which store is the older one.
      assert.lengthOf(yield* compareCounts(), 1)
      yield* accept(batch)
      assert.deepStrictEqual(yield* compareCounts(), [])
      assert.deepInclude(yield* standingOf(batch), { unlinked: true, log_version: more.version })
      assert.strictEqual((yield* log.read(batch, 0, 1_000, batch)).at(-1)?.hash, more.head)
    }),
  )

  it.effect(
    "a log that left Redis leaves nothing there that does not expire, however often it came back",
    () =>
      Effect.gen(function* () {
        const story = settledStory(1)
        const tail = yield* written(story)
        const { batch } = tail
        const { commands } = yield* RedisConnections
        const { scheduled, open, timers, restored } = yield* keysOf(batch)
        yield* archiveRound(only(batch))
        yield* unlinkRound(only(batch), [])
        yield* goesOn(tail, comesBack(story))
        yield* archiveRound(only(batch))
        yield* unlinkRound(only(batch), [])
        const kept = yield* Effect.promise(async () => {
          const names = await commands.keys(`*${batch}*`)
          const lives = await Promise.all(names.map((name) => commands.pttl(name)))
          return names.filter((_, index) => Number(lives[index]) < 0)
        })
        assert.deepStrictEqual(kept, [])
        assert.strictEqual(yield* Effect.promise(() => commands.hexists(scheduled, batch)), 0)
        for (const set of [open, timers, restored])
          assert.isNull(yield* Effect.promise(() => commands.zscore(set, batch)))
      }),
  )
})
