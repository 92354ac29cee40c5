/** Logs of closed batches come to the archive whole and as they were, and only those that are sound. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ArchiveStore } from "../../src/archive/archive-store.ts"
import { CHUNK_EVENTS_MAX } from "../../src/archive/archived-chunk.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { nextChunk, readingOf } from "../../src/archive/log-cutting.ts"
import { StoredLogs } from "../../src/archive/stored-logs.ts"
import type { BatchId, PartnerId } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { LogArchive } from "../../src/streams/log-archive.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
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

const now = { afterMs: 0, which: "due" } as const
const later = { afterMs: 3_600_000, which: "due" } as const
const only = (...batches: ReadonlyArray<BatchId>) => ({ afterMs: 0, which: { batches } })

/** The whole archived log, read in pages. */
const archived = Effect.fnUntraced(function* (batch: BatchId, page = 1_000) {
  const { entries } = yield* LogArchive
  const all: Array<StreamEntry> = []
  for (;;) {
    const some: ReadonlyArray<StreamEntry> = yield* entries(batch, all.length, page)
    all.push(...some)
    if (some.length < page) return all
  }
})

layer(archiveStack, { excludeTestServices: true })("an archiver", (it) => {
  it.effect("moves a log to the archive as it is, and notes its tail beside the registers", () =>
    Effect.gen(function* () {
      const tail = yield* written(settledStory(3))
      const { find, logs } = yield* LogArchive
      assert.isUndefined(yield* find(tail.batch))
      assert.strictEqual((yield* archiveRound(later)).taken, 0, "it has only just closed")
      assert.deepStrictEqual((yield* archiveRound(now)).archived, [tail.batch])
      assert.deepInclude(yield* find(tail.batch), { ...tail, unlinkedAt: undefined })
      for (const page of [1, 7, 1_000])
        assert.deepStrictEqual(yield* archived(tail.batch, page), yield* inRedis(tail.batch))
      assert.deepInclude(yield* standingOf(tail.batch), { archived_version: tail.version })
      assert.deepStrictEqual(
        (yield* logs("", 10)).map(({ batch }) => batch),
        [tail.batch],
      )
      const noted = yield* rowsOf((sql) => sql`select batch, version, head from instruction_tails`)
      assert.deepStrictEqual([...noted], [tail])
      assert.strictEqual((yield* archiveRound(now)).taken, 0, "it is done")
    }),
  )

  it.effect("cuts a large log into chunks, and continues one that goes on", () =>
    Effect.gen(function* () {
      const story = settledStory(CHUNK_EVENTS_MAX)
      const tail = yield* written(story)
      assert.deepStrictEqual((yield* archiveRound(now)).archived, [tail.batch])
      const { chunks } = yield* ArchiveStore
      const versions = Effect.map(chunks(tail.batch, 0, 100), (all) => all.map(({ version }) => version))
      assert.deepStrictEqual(yield* versions, [2_000, 4_000, 6_000, tail.version])
      const more = yield* goesOn(tail, comesBack(story))
      assert.strictEqual((yield* archiveRound(later)).taken, 0, "it has only just gone on")
      assert.deepStrictEqual((yield* archiveRound(now)).archived, [tail.batch])
      assert.deepStrictEqual(yield* versions, [2_000, 4_000, 6_000, tail.version, more.version])
      const whole = yield* inRedis(tail.batch)
      assert.deepStrictEqual(yield* archived(tail.batch), whole)
      const { entries } = yield* LogArchive
      assert.deepStrictEqual(yield* entries(tail.batch, 3_990, 20), whole.slice(3_990, 4_010))
      assert.deepStrictEqual(yield* entries(tail.batch, more.version, 20), [])
    }),
  )

  it.effect("keeps the name that a key in quotes has reserved", () =>
    Effect.gen(function* () {
      const { batch } = yield* written(settledStory(1, '"week 12"'))
      yield* archiveRound(now)
      const { reservedFor } = yield* LogArchive
      const acme = "acme" as PartnerId
      assert.strictEqual(yield* reservedFor(batchIdOf(acme, "week 12")), batch)
      assert.isUndefined(yield* reservedFor(batchIdOf(acme, "week 13")))
    }),
  )

  it.effect("stores each log once, if two archive it at the same time", () =>
    Effect.gen(function* () {
      const tails = yield* Effect.forEach([1, 2, 3, 4, 5], () => written(settledStory(2)))
      // Those that are named are taken whoever has them.
      const round = archiveRound(only(...tails.map(({ batch }) => batch)))
      const rounds = yield* Effect.all([round, round, round], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        rounds.flatMap(({ failed }) => failed),
        [],
      )
      for (const { batch, version } of tails) {
        assert.deepStrictEqual(yield* archived(batch), yield* inRedis(batch))
        const stored = yield* (yield* ArchiveStore).chunks(batch, 0, 100)
        assert.deepStrictEqual(
          stored.map(({ version }) => version),
          [version],
        )
      }
      yield* archiveRound(now)
    }),
  )

  it.effect("keeps what is archived when another one comes late with a chunk that it read before", () =>
    Effect.gen(function* () {
      const story = settledStory(1)
      const tail = yield* written(story)
      const { batch } = tail
      const { append, claim } = yield* ArchiveStore
      const [due] = yield* claim(only(batch), 1, 0)
      assert(due)
      const late = yield* nextChunk(yield* StoredLogs, readingOf(due))
      assert(late)
      yield* archiveRound(only(batch))
      assert.strictEqual((yield* append([late])).size, 0)
      const more = yield* goesOn(tail, comesBack(story))
      yield* archiveRound(only(batch))
      assert.strictEqual((yield* append([late])).size, 0)
      assert.deepInclude(yield* standingOf(batch), { log_version: more.version, log_head: more.head })
    }),
  )

  it.effect("takes no log that another one has taken, before a while has passed", () =>
    Effect.gen(function* () {
      yield* written(settledStory(1))
      const { claim } = yield* ArchiveStore
      assert.lengthOf(yield* claim(now, 10, 60_000), 1)
      assert.lengthOf(yield* claim(now, 10, 60_000), 0)
      yield* rowsOf((sql) => sql`update closed_batches set archive_at = now() - interval '1 second'`)
      assert.lengthOf((yield* archiveRound(now)).archived, 1)
    }),
  )

  it.effect("archives up to the version that it was told of, while the log grows", () =>
    Effect.gen(function* () {
      const story = settledStory(2)
      const tail = yield* written(story)
      const logs = yield* StoredLogs
      let grown = false
      const growing = StoredLogs.of({
        entries: Effect.fnUntraced(function* (batch, after, limit) {
          if (!grown) {
            grown = true
            yield* Effect.orDie(goesOn(tail, comesBack(story)).pipe(Effect.provide(context)))
          }
          return yield* logs.entries(batch, after, limit)
        }),
      })
      const context = yield* Effect.context<Effect.Services<ReturnType<typeof goesOn>>>()
      const round = yield* archiveRound(now).pipe(Effect.provideService(StoredLogs, growing))
      assert.deepStrictEqual(round.archived, [tail.batch])
      assert.strictEqual((yield* standingOf(tail.batch)).archived_version, tail.version)
      assert.deepStrictEqual((yield* archiveRound(now)).archived, [tail.batch], "the rest is due as well")
      assert.deepStrictEqual(yield* archived(tail.batch), yield* inRedis(tail.batch))
    }),
  )

  it.effect(
    "leaves a log that was changed where it is, waits longer each time, and archives the others",
    () =>
      Effect.gen(function* () {
        const [broken, sound] = [yield* written(settledStory(1)), yield* written(settledStory(1))]
        const { commands } = yield* RedisConnections
        const { log } = yield* keysOf(broken.batch)
        yield* Effect.promise(() => commands.xdel(log(broken.batch), "3-0"))
        const round = yield* archiveRound(now)
        assert.deepStrictEqual(round.archived, [sound.batch])
        assert.deepInclude(round.failed[0], { batch: broken.batch, entry: "4-0" })
        const wait = rowsOf(
          (sql) => sql`
          select round(extract(epoch from archive_at - now()))::int as seconds from closed_batches
          where batch = ${broken.batch}`,
        )
        assert.deepStrictEqual([...(yield* wait)], [{ seconds: 60 }])
        yield* archiveRound(only(broken.batch))
        assert.deepStrictEqual([...(yield* wait)], [{ seconds: 120 }])
        yield* rowsOf(
          (sql) => sql`update closed_batches set archive_failures = 100 where batch = ${broken.batch}`,
        )
        yield* archiveRound(only(broken.batch))
        assert.deepStrictEqual([...(yield* wait)], [{ seconds: 86_400 }])
        assert.isUndefined(yield* (yield* LogArchive).find(broken.batch))
      }),
  )

  it.effect(
    "archives no log that the registers or the read models know as another one, or that is shorter",
    () =>
      Effect.gen(function* () {
        const [one, two, three] = [
          yield* written(settledStory(1)),
          yield* written(settledStory(1)),
          yield* written(settledStory(1)),
        ]
        yield* rowsOf(
          (sql) =>
            sql`insert into instruction_tails (batch, version, head) values (${one.batch}, 3, 'another')`,
        )
        yield* rowsOf((sql) => sql`update closed_batches set head = 'another' where batch = ${two.batch}`)
        yield* rowsOf(
          (sql) => sql`update closed_batches set version = version + 1 where batch = ${three.batch}`,
        )
        const { failed, archived } = yield* archiveRound(only(one.batch, two.batch, three.batch))
        assert.deepStrictEqual(archived, [])
        const found = new Map(failed.map(({ batch, entry, reason }) => [batch, `${entry} ${reason}`]))
        assert.strictEqual(found.get(one.batch), "3-0 the registers know another log: history was lost")
        assert.strictEqual(
          found.get(two.batch),
          `${two.version}-0 the read models know another log: history was lost`,
        )
        assert.strictEqual(
          found.get(three.batch),
          `${three.version + 1}-0 the log in Redis ends before it: history was lost`,
        )
      }),
  )

  it.effect("archives nothing that goes on from another log than the archived one", () =>
    Effect.gen(function* () {
      const story = settledStory(1)
      const tail = yield* written(story)
      yield* archiveRound(only(tail.batch))
      yield* goesOn(tail, comesBack(story))
      yield* rowsOf((sql) => sql`update archived_logs set head = 'another' where batch = ${tail.batch}`)
      const { failed } = yield* archiveRound(only(tail.batch))
      assert.deepInclude(failed[0], { reason: "the archive has another log: history was lost" })
    }),
  )

  it.effect.each([
    ["set events = 'x'", "cannot be decompressed"],
    ["set codec = 'lz77'", "does not know"],
    ["set base = 'x'", "does not follow"],
    ["set head = 'x'", "names another hash"],
    ["set version = version - 1", "goes on after it"],
    ["set version = version + 1", "ends before it"],
    ["set after = after + 1", "a gap before it"],
    ["delete", "has no chunk with it"],
  ] as const)("does not note a log as archived whose chunk it cannot read back: %s", ([change, reason]) =>
    Effect.gen(function* () {
      const story = settledStory(1)
      const tail = yield* written(story)
      const { batch, version } = tail
      yield* archiveRound(only(batch))
      const { entries } = yield* LogArchive
      yield* tamper(
        change === "delete"
          ? `delete from archived_chunks where batch = '${batch}'`
          : `update archived_chunks ${change} where batch = '${batch}'`,
      )
      assert.include((yield* Effect.flip(entries(batch, 0, 1_000))).reason, reason)
      yield* goesOn(tail, comesBack(story))
      assert.lengthOf((yield* archiveRound(only(batch))).failed, 1)
      assert.deepInclude(yield* standingOf(batch), { archived_version: version, archive_failures: 1 })
    }),
  )

  it.effect("cannot change or remove what is archived", () =>
    Effect.gen(function* () {
      const { batch } = yield* written(settledStory(1))
      yield* archiveRound(only(batch))
      for (const statement of [
        "update archived_chunks set codec = 'lz77'",
        "delete from archived_chunks",
        "truncate archived_chunks",
      ]) {
        const refused = yield* Effect.flip(rowsOf((sql) => sql.unsafe(statement)))
        assert.deepInclude(refused, { _tag: "StoreUnavailable", reason: "P0001" })
      }
    }),
  )
})
