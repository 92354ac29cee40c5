import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { auditAll } from "../../src/projections/audit-walk.ts"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import type { Difference } from "../../src/projections/difference.ts"
import { READ_MODEL_TABLES } from "../../src/projections/read-model-tables.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { Rebuilds } from "../../src/projections/rebuilds.ts"
import { CursorStore, FEED_START } from "../../src/streams/cursor-store.ts"
import { trimFeeds } from "../../src/streams/feed-keeper.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { lifeOf, live } from "./batch-life.ts"
import { anotherProjector, caughtUp, rowsOf, tables } from "./read-model-stack.ts"
import { anotherRebuilder, rebuildStack, rebuilt } from "./rebuild-stack.ts"

const livesOf = (partner: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, index) => live(lifeOf(partner, 8 + index * 5)))

const differences = Effect.gen(function* () {
  const found: Array<Difference> = []
  yield* auditAll(
    (difference) => Effect.sync(() => void found.push(difference)),
    () => Effect.void,
  )
  return found
})

/** What tells one table's make from another's: columns, indexes, constraints and settings. */
const shapes = rowsOf(
  (sql) => sql`
    select relname::text, reloptions, relpersistence,
      (select array_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull order by attname)
        from pg_attribute where attrelid = pg_class.oid and attnum > 0 and not attisdropped) as columns,
      (select array_agg(indexdef order by indexname) from pg_indexes where tablename = relname and schemaname = 'public') as indexes,
      (select array_agg(conname || ' ' || pg_get_constraintdef(oid) order by conname) from pg_constraint
        where conrelid = pg_class.oid) as constraints
    from pg_class where relname = any(${[...READ_MODEL_TABLES]}) and relnamespace = 'public'::regnamespace order by relname`,
)

/** All that a rebuild must not depend on: rows that are missing, wrong, or nobody's. */
const ruined = Effect.gen(function* () {
  yield* rowsOf((sql) => sql`delete from payout_items where item = 2`)
  yield* rowsOf((sql) => sql`update payout_items set state = 'settled', version = 100000`)
  yield* rowsOf((sql) => sql`update payout_batches set state = 'settled', version = 100000`)
  yield* rowsOf((sql) => sql`delete from payout_batch_days`)
  yield* rowsOf((sql) => sql`update payout_acts set name = 'nobody'`)
  yield* rowsOf((sql) => sql`delete from closed_batches`)
})

const leftovers = rowsOf(
  (sql) => sql`
    select relname::text from pg_class where relnamespace = 'rebuilt'::regnamespace
    union all select projection from projection_checkpoints where projection <> ${PROJECTION}
    union all select 'held' from projection_checkpoints where held_until is not null`,
)

layer(rebuildStack(2), { excludeTestServices: true })("a rebuild of the read models", (it) => {
  it.effect("makes from the logs alone what the projector had made, in tables of the same make", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 4)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      const closed = yield* rowsOf((sql) => sql`select * from closed_batches order by batch`)
      const made = yield* shapes
      assert.isNotEmpty(before.items)
      yield* ruined
      const { end, told } = yield* rebuilt
      assert.strictEqual(end.state, "switched")
      assert.deepStrictEqual(
        [...new Set(told.map(({ state }) => state))],
        ["listing", "copying", "indexing", "following", "switched"],
      )
      assert.deepStrictEqual(yield* tables, before)
      assert.deepStrictEqual(yield* shapes, made)
      assert.deepStrictEqual(yield* rowsOf((sql) => sql`select * from closed_batches order by batch`), closed)
      assert.deepStrictEqual(yield* leftovers, [])
      assert.deepStrictEqual(yield* differences, [])
    }),
  )

  it.effect("switches under readers and a projector at work, and neither notices", () =>
    Effect.gen(function* () {
      const first = yield* livesOf("acme", 2)
      yield* Effect.gen(function* () {
        const { batch } = yield* BatchQueries
        yield* caughtUp
        let [rounds, reads] = [0, 0]
        const writer = yield* Effect.forkChild(
          Effect.gen(function* () {
            yield* live(lifeOf("globex", 8), 3)
            rounds += 1
          }).pipe(Effect.repeat(Schedule.spaced(50))),
        )
        const versions = new Map<string, number>()
        const reader = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (const id of first) {
              const shown = yield* batch("acme", id)
              assert(shown, "it is always shown")
              reads += 1
            }
            const rows = yield* rowsOf(
              (sql) => sql<Array<{ id: string; version: number }>>`select id, version from payout_batches`,
            )
            assert.isAtLeast(rows.length, versions.size, "none is lost")
            for (const { id, version } of rows) {
              assert.isAtLeast(version, versions.get(id) ?? 0, "none goes back")
              versions.set(id, version)
            }
          }).pipe(Effect.repeat(Schedule.spaced(5))),
        )
        for (let time = 0; time < 2; time += 1) {
          const before = [rounds, reads] as const
          assert.strictEqual((yield* rebuilt).end.state, "switched")
          yield* Effect.suspend(() => Effect.succeed(rounds > before[0] && reads > before[1])).pipe(
            Effect.repeat({ until: (went) => went, schedule: Schedule.spaced(10) }),
            Effect.raceFirst(Effect.andThen(Fiber.join(reader), Effect.die("the reader ended"))),
            Effect.raceFirst(Effect.andThen(Fiber.join(writer), Effect.die("the writer ended"))),
          )
        }
        yield* Fiber.interrupt(writer)
        yield* Fiber.interrupt(reader)
        yield* caughtUp
        assert.deepStrictEqual(yield* differences, [])
      }).pipe(Effect.provide(anotherProjector()))
    }),
  )

  it.effect("refuses a second process, and lets it continue what the first one left", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 3)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const rebuilds = yield* Rebuilds
      const taken = yield* rebuilds.take
      assert(taken, "nobody else has one")
      const refused = yield* Effect.flip(rebuilt.pipe(Effect.provide(anotherRebuilder())))
      assert.include("reason" in refused ? refused.reason : "", "another process")
      // The first one is frozen, and finds out later.
      yield* rowsOf((sql) => sql`update read_model_rebuilds set held_until = now() where ended_at is null`)
      const { end } = yield* rebuilt.pipe(Effect.provide(anotherRebuilder()))
      assert.strictEqual(end.id, taken.id)
      assert.isFalse(yield* rebuilds.keep(taken.id))
      assert.strictEqual(yield* rebuilds.switchTables(taken.id, 100, []), "lost")
      assert.deepStrictEqual(yield* differences, [])
    }),
  )

  it.effect("goes on after each answer that is lost, and stores nothing twice", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 3)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      const rebuilds = yield* Rebuilds
      const failure = new StoreUnavailable({ store: "postgres", step: "copy", reason: "CONNECTION_CLOSED" })
      const lost = new Set<string>()
      const once = <A, E, R>(answer: string, step: Effect.Effect<A, E, R>) =>
        Effect.tap(step, () => {
          const isLost = !lost.has(answer)
          lost.add(answer)
          return isLost ? Effect.fail(failure) : Effect.void
        })
      const { end } = yield* rebuilt.pipe(
        Effect.provideService(Rebuilds, {
          ...rebuilds,
          take: once("take", rebuilds.take),
          prepare: (rebuild) => once("prepare", rebuilds.prepare(rebuild)),
          begin: (rebuild, ends) => once("begin", rebuilds.begin(rebuild, ends)),
          list: (batches) => once("list", rebuilds.list(batches)),
          copy: (rebuild, copied) => once(`copy ${copied.to}`, rebuilds.copy(rebuild, copied)),
          makeIndex: once("index", rebuilds.makeIndex),
          enter: (rebuild, state) => once(state, rebuilds.enter(rebuild, state)),
          switchTables: (...of) => once("switch", rebuilds.switchTables(...of)),
        }),
      )
      assert.isAbove(lost.size, 9)
      assert.strictEqual(end.state, "switched")
      assert.deepStrictEqual(yield* tables, before)
      assert.deepStrictEqual(yield* leftovers, [])
    }),
  )

  it.effect("has come to its end if it is looked after between the switch and its answer", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 1)
      const rebuilds = yield* Rebuilds
      const switched = yield* Deferred.make<void>()
      const { end, told } = yield* rebuilt.pipe(
        Effect.provideService(Rebuilds, {
          ...rebuilds,
          keep: (rebuild) => Effect.andThen(Deferred.await(switched), rebuilds.keep(rebuild)),
          switchTables: (...of) =>
            rebuilds.switchTables(...of).pipe(
              Effect.tap((outcome) =>
                outcome === "switched" ? Deferred.succeed(switched, undefined) : Effect.void,
              ),
              Effect.tap((outcome) => (outcome === "switched" ? Effect.never : Effect.void)),
            ),
        }),
      )
      assert.strictEqual(end.state, "switched")
      assert.deepStrictEqual(told.at(-1), end)
      assert.deepStrictEqual(yield* leftovers, [])
    }),
  )

  it.effect("finds its own tables, also after the same statements found the live ones", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 1)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const rebuilds = yield* Rebuilds
      // As a follower does that is not stopped yet when its tables have become the live ones.
      const [before] = yield* Effect.all([rebuilds.standing, rebuilds.standing], { concurrency: 2 })
      assert.notDeepEqual(new Set(before.values()), new Set([FEED_START]))
      const taken = yield* rebuilds.take
      assert(taken, "nobody else has one")
      yield* rebuilds.prepare(taken.id)
      const ends = [0, 1].map((partition) => ({ partition, position: FEED_START, head: undefined }))
      yield* rebuilds.begin(
        taken.id,
        ends.map((end) => ({ follower: PROJECTION, ...end })),
      )
      for (const standing of yield* Effect.all([rebuilds.standing, rebuilds.standing], { concurrency: 2 }))
        assert.deepStrictEqual([...standing.values()], [FEED_START, FEED_START])
      yield* rebuilds.abandon
    }),
  )

  it.effect("is abandoned with all that it made", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 1)
      const rebuilds = yield* Rebuilds
      const taken = yield* rebuilds.take
      assert(taken, "nobody else has one")
      yield* rebuilds.prepare(taken.id)
      assert.isNotEmpty(yield* leftovers)
      assert.isTrue(yield* rebuilds.abandon)
      assert.isFalse(yield* rebuilds.abandon)
      assert.deepStrictEqual(yield* leftovers, [])
      assert.strictEqual((yield* rebuilds.last)?.state, "abandoned")
      assert.strictEqual((yield* rebuilt).end.state, "switched")
    }),
  )

  it.effect("does not switch while a live checkpoint is further, nor to tables of another make", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 2)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      const rebuilds = yield* Rebuilds
      const attempted = Effect.gen(function* () {
        const taken = yield* rebuilds.take
        assert(taken, "nobody else has one")
        yield* rowsOf(
          (sql) =>
            sql`update read_model_rebuilds set state = 'listing', copied_to = '' where id = ${taken.id}`,
        )
        yield* rebuilds.prepare(taken.id)
        for (const state of ["copying", "indexing"] as const) yield* rebuilds.enter(taken.id, state)
        while ((yield* rebuilds.makeIndex) !== undefined);
        yield* rebuilds.enter(taken.id, "following")
        return taken.id
      })
      const behind = yield* attempted
      assert.strictEqual(yield* rebuilds.switchTables(behind, 100, []), "behind")
      yield* rebuilds.abandon
      const changed = yield* attempted
      yield* rowsOf((sql) => sql`create index made_meanwhile on payout_items (updated_at)`)
      assert.strictEqual(yield* rebuilds.switchTables(changed, 100, [0, 1]), "changed")
      yield* rowsOf((sql) => sql`drop index made_meanwhile`)
      assert.deepStrictEqual(yield* tables, before)
      yield* rebuilds.abandon
    }),
  )

  it.effect("holds the feed for a day after its last sign of life, and not longer", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 2)
      const rebuilds = yield* Rebuilds
      const taken = yield* rebuilds.take
      assert(taken, "nobody else has one")
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      yield* rebuilds.prepare(taken.id)
      const log = yield* wholeLog
      const lengths = Effect.forEach([0, 1], (partition) =>
        Effect.map(log.entries(partition, "0-0", 10_000), ({ length }) => length),
      )
      const before = yield* lengths
      yield* trimFeeds([PROJECTION], rebuilds.holds)
      assert.deepStrictEqual(yield* lengths, before)
      yield* rowsOf(
        (sql) =>
          sql`update projection_checkpoints set moved_at = now() - interval '25 hours' where projection = 'payout-batches-rebuild'`,
      )
      yield* trimFeeds([PROJECTION], rebuilds.holds)
      assert.notDeepEqual(yield* lengths, before)
      yield* rebuilds.abandon
    }),
  )

  it.effect("makes the live projector stand by for a moment, which ends by itself", () =>
    Effect.gen(function* () {
      yield* (yield* Rebuilds).pause(300)
      const cursors = yield* CursorStore
      const [cursor] = yield* cursors.standing([PROJECTION])
      assert(cursor, "something was projected")
      const step = { partition: cursor.partition, from: cursor.position, to: cursor }
      assert.deepStrictEqual(yield* cursors.move(PROJECTION, [step]), ["elsewhere"])
      yield* cursors
        .move(PROJECTION, [step])
        .pipe(
          Effect.repeat({ until: ([moved]) => moved === "moved", schedule: Schedule.spaced(20) }),
          Effect.timeout("10 seconds"),
        )
    }),
  )
})
