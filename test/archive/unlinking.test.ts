/** Archived logs leave Redis, and nobody notices but its memory. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import postgres from "postgres"
import { ArchiveStore } from "../../src/archive/archive-store.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { compareCounts } from "../../src/archive/count-comparison.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import { AppConfig } from "../../src/config.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
import { commandId, news } from "../streams/log-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"
import {
  archiveStack,
  comesBack,
  goesOn,
  inRedis,
  keysOf,
  PARTITIONS,
  settledStory,
  standingOf,
  tamper,
  written,
} from "./archive-stack.ts"

const only = (...batches: ReadonlyArray<BatchId>) => ({ afterMs: 0, which: { batches } })
const now = { afterMs: 0, which: "due" } as const

/** A log that is archived, and its story. */
const archivedLog = Effect.fnUntraced(function* (items = 2) {
  const story = settledStory(items)
  const tail = yield* written(story)
  yield* archiveRound(only(tail.batch))
  return { story, tail, batch: tail.batch }
})

const unlink = (batch: BatchId) => unlinkRound(only(batch), [])

layer(archiveStack, { excludeTestServices: true })("an archived log", (it) => {
  it.effect("leaves Redis some time after it was archived, and is read as before", () =>
    Effect.gen(function* () {
      const { batch } = yield* archivedLog()
      const log = yield* wholeLog
      const before = yield* log.read(batch, 0, 1_000, batch)
      assert.strictEqual((yield* unlinkRound({ afterMs: 60_000, which: "due" }, [])).taken, 0)
      assert.strictEqual((yield* unlinkRound(now, [log.partitions.of(batch)])).taken, 0, "left out")
      assert.deepStrictEqual((yield* unlinkRound(now, [])).unlinked, [batch])
      assert.deepStrictEqual(yield* inRedis(batch), [])
      assert.deepStrictEqual(yield* log.read(batch, 0, 1_000, batch), before)
      assert.deepInclude(yield* standingOf(batch), { unlinked: true, unlinking: false })
      assert.strictEqual((yield* unlinkRound(now, [])).taken, 0, "it is done")
    }),
  )

  it.effect("is unlinked and noted after a death in between", () =>
    Effect.gen(function* () {
      const { batch, tail } = yield* archivedLog()
      const { claimUnlinkings } = yield* ArchiveStore
      yield* claimUnlinkings(only(batch), 1, 0, [])
      assert.strictEqual(yield* (yield* LogUnlinking).unlink(tail), "unlinked")
      assert.deepInclude(yield* standingOf(batch), { unlinked: false, unlinking: true })
      assert.deepStrictEqual(yield* compareCounts(), [], "it is known to be under way")
      // So the archive has forgotten nothing, and is believed that it does not have a name that the filter takes for an archived one.
      const none = `${batch.slice(0, -1)}~` as BatchId
      yield* (yield* LogUnlinking).mark([none])
      assert.deepStrictEqual(yield* (yield* wholeLog).read(none, 0, 1), [])
      assert.deepStrictEqual((yield* unlink(batch)).unlinked, [batch])
      assert.deepInclude(yield* standingOf(batch), { unlinked: true, unlinking: false })
      assert.deepStrictEqual(yield* compareCounts(), [])
    }),
  )

  it.effect("comes back when its batch goes on, is archived to its end, and leaves again", () =>
    Effect.gen(function* () {
      const { story, tail, batch } = yield* archivedLog()
      yield* unlink(batch)
      const more = yield* goesOn(tail, comesBack(story))
      assert.deepStrictEqual((yield* unlink(batch)).taken, 0, "what was added is not archived")
      assert.strictEqual((yield* inRedis(batch)).length, more.version)
      yield* archiveRound(only(batch))
      assert.deepInclude(yield* standingOf(batch), { unlinked: false, log_version: more.version })
      assert.deepStrictEqual((yield* unlink(batch)).unlinked, [batch])
      assert.deepStrictEqual(yield* compareCounts(), [])
      const log = yield* wholeLog
      assert.strictEqual((yield* log.read(batch, 0, 1_000, batch)).length, more.version)
    }),
  )

  it.effect("leaves again if it came back and nothing was added", () =>
    Effect.gen(function* () {
      const { batch } = yield* archivedLog()
      yield* unlink(batch)
      const { restore, restored } = yield* LogUnlinking
      assert.strictEqual(yield* restore(batch), "restored")
      const store = yield* ArchiveStore
      yield* store.restored(yield* restored(10), 60_000)
      assert.isTrue((yield* standingOf(batch)).unlinked, "who lists them may be late")
      yield* store.restored(yield* restored(10), 0)
      assert.isFalse((yield* standingOf(batch)).unlinked)
      assert.deepStrictEqual((yield* unlink(batch)).unlinked, [batch])
      assert.deepStrictEqual(yield* inRedis(batch), [])
    }),
  )

  it.effect("stays while its batch has mail, or goes on from it", () =>
    Effect.gen(function* () {
      const one = yield* archivedLog()
      const log = yield* wholeLog
      yield* log.enqueue(one.batch, news(1), commandId())
      assert.deepStrictEqual((yield* unlink(one.batch)).kept, [{ batch: one.batch, reason: "busy" }])
      assert.isNotEmpty(yield* inRedis(one.batch))
      assert.deepInclude(yield* standingOf(one.batch), { unlinked: false, unlinking: false })

      const other = yield* archivedLog()
      const longer = yield* goesOn(other.tail, comesBack(other.story))
      // The read models do not know it yet.
      yield* rowsOf(
        (sql) => sql`
          update closed_batches set version = ${other.tail.version}, head = ${other.tail.head}
          where batch = ${other.batch}`,
      )
      assert.deepStrictEqual((yield* unlink(other.batch)).kept, [{ batch: other.batch, reason: "moved" }])
      assert.strictEqual((yield* inRedis(other.batch)).length, longer.version)
    }),
  )

  it.effect("stays if the archive does not have it any more, or not as it was", () =>
    Effect.gen(function* () {
      for (const change of ["delete from archived_chunks", "update archived_chunks set events = 'x'"]) {
        const { batch } = yield* archivedLog()
        yield* tamper(`${change} where batch = '${batch}'`)
        const { failed, unlinked } = yield* unlink(batch)
        assert.deepStrictEqual(unlinked, [])
        assert.lengthOf(failed, 1)
        assert.isNotEmpty(yield* inRedis(batch))
      }
    }),
  )

  it.effect("stays while the registers know a later end of it, and until it is verified", () =>
    Effect.gen(function* () {
      const { batch, tail } = yield* archivedLog()
      yield* rowsOf((sql) => sql`update instruction_tails set version = version + 1 where batch = ${batch}`)
      assert.strictEqual((yield* unlink(batch)).taken, 0)
      yield* rowsOf(
        (sql) => sql`update instruction_tails set version = ${tail.version} where batch = ${batch}`,
      )
      yield* rowsOf(
        (sql) => sql`update closed_batches set archived_version = version - 1 where batch = ${batch}`,
      )
      assert.strictEqual((yield* unlink(batch)).taken, 0)
    }),
  )

  it.effect("is missed by a store that came back older: it counts fewer", () =>
    Effect.gen(function* () {
      const logs = yield* Effect.forEach([1, 2, 3], () => archivedLog())
      for (const { batch } of logs) yield* unlink(batch)
      assert.deepStrictEqual(yield* compareCounts(), [])

      const [first] = logs
      assert(first)
      const partition = (yield* wholeLog).partitions.of(first.batch)
      const { archived } = yield* keysOf(first.batch)
      const { commands } = yield* RedisConnections
      yield* Effect.promise(() => commands.hincrby(archived, "unlinked", -1))
      assert.deepStrictEqual(yield* compareCounts(), [{ partition, older: "redis", missing: 1 }])
      yield* (yield* LogUnlinking).recount(partition, (yield* ArchiveStore).unlinked)
      assert.deepStrictEqual(yield* compareCounts(), [], "once the loss is accepted")

      yield* rowsOf((sql) => sql`delete from archived_logs where batch = ${first.batch}`)
      assert.deepStrictEqual(yield* compareCounts(), [{ partition, older: "postgres", missing: 1 }])
    }),
  )

  it.effect(
    "is counted as it leaves and comes back, so who asks for the counts reads no log of the archive",
    () =>
      Effect.gen(function* () {
        const logs = yield* Effect.all([archivedLog(1), archivedLog(1)])
        const { claimUnlinkings, counts } = yield* ArchiveStore
        yield* Effect.all([unlinkRound(now, []), unlinkRound(now, [])], { concurrency: 2 })
        yield* (yield* LogUnlinking).restore(logs[0].batch)
        yield* goesOn(logs[0].tail, comesBack(logs[0].story))
        yield* archiveRound(only(logs[0].batch))
        yield* claimUnlinkings(only(logs[0].batch), 1, 0, [])
        yield* rowsOf((sql) => sql`delete from archived_logs where batch = ${logs[1].batch}`)
        const rows = yield* rowsOf(
          (sql) => sql`
          select partition, count(unlinked_at)::int as unlinked,
            (count(*) filter (where unlinked_at is null and unlinking))::int as unlinking
          from archived_logs group by partition order by partition`,
        )
        assert.deepStrictEqual([...(yield* counts)], [...rows])
        const url = Redacted.value((yield* AppConfig).postgres.url)
        const whileTaken = yield* Effect.promise(() =>
          takingArchivedLogs(url, () => Effect.runPromise(counts)),
        )
        assert.deepStrictEqual([...whileTaken], [...rows])
      }),
  )

  it.effect("is listed once it came back, however many did in other partitions", () =>
    Effect.gen(function* () {
      const { restore, restored } = yield* LogUnlinking
      const log = yield* wholeLog
      const seen = new Map<number, number>()
      while (seen.size < PARTITIONS || Math.max(...seen.values()) < 2) {
        const { batch } = yield* archivedLog(1)
        yield* unlink(batch)
        yield* restore(batch)
        const partition = log.partitions.of(batch)
        seen.set(partition, (seen.get(partition) ?? 0) + 1)
      }
      const listed = (yield* restored(1)).map((batch) => log.partitions.of(batch))
      assert.deepStrictEqual(listed, [...Array(PARTITIONS).keys()])
    }),
  )
})

/** Does something while nobody can read the archived logs. */
const takingArchivedLogs = async <A>(url: string, use: () => Promise<A>): Promise<A> => {
  const sql = postgres(url, { max: 1 })
  try {
    return (await sql.begin(async (transaction) => {
      await transaction`lock table archived_logs in access exclusive mode`
      return await use()
    })) as A
  } finally {
    await sql.end()
  }
}
