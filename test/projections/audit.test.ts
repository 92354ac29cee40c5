import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { auditBatch } from "../../src/projections/audit.ts"
import { makeSample } from "../../src/projections/audit-sample.ts"
import { auditAll } from "../../src/projections/audit-walk.ts"
import type { Difference } from "../../src/projections/difference.ts"
import { READ_MODEL_TABLES } from "../../src/projections/read-model-tables.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { Metrics } from "../../src/telemetry/metrics.ts"
import { appendRest, CANARY_IBAN, lifeOf, live, newBatchId, open } from "./batch-life.ts"
import { anotherProjector, caughtUp, rowsOf } from "./read-model-stack.ts"
import { rebuildStack, rebuilt } from "./rebuild-stack.ts"

const auditedAll = Effect.gen(function* () {
  const found: Array<Difference> = []
  const summary = yield* auditAll(
    (difference) => Effect.sync(() => void found.push(difference)),
    () => Effect.void,
  )
  assert.strictEqual(summary.differences, found.length)
  assert.strictEqual(summary.notCompared, 0)
  return found
})

/** What makes a value of a type another one; nothing becomes something. */
const corruptions: Readonly<Record<string, (column: string) => string>> = {
  text: (column) => `coalesce(${column}, '') || 'x'`,
  integer: (column) => `coalesce(${column}, 0) + 1000`,
  "numeric(38,0)": (column) => `coalesce(${column}, 0) + 1000`,
  "timestamp with time zone": (column) => `coalesce(${column}, now()) + interval '1 hour'`,
  date: (column) => `${column} + 1`,
  jsonb: () => `'{"wrong": 1}'::jsonb`,
}

/** Columns by which a row is found: another value is another row. */
const KEYS = new Set(["id", "batch", "item", "day", "currency", "bank", "state", "code"])
const isKey = (table: string, column: string): boolean =>
  (column === "id" && table === "payout_batches") ||
  (table === "payout_items" && (column === "batch" || column === "item")) ||
  (table === "payout_batch_days" && KEYS.has(column)) ||
  (table === "payout_acts" && (column === "batch" || column === "version"))

const projected = Effect.gen(function* () {
  const id = yield* live(lifeOf("acme", 9))
  yield* caughtUp.pipe(Effect.provide(anotherProjector()))
  return id
})

const columnsOf = rowsOf(
  (sql) => sql<Array<{ table: string; column: string; type: string }>>`
    select relname::text as table, attname::text as column, format_type(atttypid, atttypmod) as type
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relname = any(${[...READ_MODEL_TABLES]}) and relnamespace = 'public'::regnamespace
      and attnum > 0 and not attisdropped order by relname, attnum`,
)

/** Does something to one row of a batch's, and puts the table back afterwards. */
const corrupted = Effect.fnUntraced(function* (table: string, id: BatchId, change: string) {
  yield* rowsOf((sql) => sql.unsafe(`create table kept as table ${table}`))
  const own = table === "payout_batches" ? "id" : "batch"
  yield* rowsOf((sql) =>
    sql.unsafe(
      `with one as (select ctid from ${table} where ${own} = '${id}' order by version desc limit 1) ${change} where ctid in (select ctid from one)`,
    ),
  )
  const found = yield* auditedAll
  yield* rowsOf((sql) => sql.unsafe(`delete from ${table}`))
  yield* rowsOf((sql) => sql.unsafe(`insert into ${table} table kept`))
  yield* rowsOf((sql) => sql.unsafe("drop table kept"))
  return found
})

layer(rebuildStack(2), { excludeTestServices: true })("an audit of the read models", (it) => {
  it.effect("finds no difference in what the projector has made", () =>
    Effect.gen(function* () {
      yield* projected
      assert.deepStrictEqual(yield* auditedAll, [])
    }),
  )

  it.effect("finds each column of each table that was changed, and names it", () =>
    Effect.gen(function* () {
      const id = yield* projected
      const columns = yield* columnsOf
      assert.isAbove(columns.length, 50)
      for (const { table, column, type } of columns) {
        const change = corruptions[type]
        assert(change, `${table}.${column} is ${type}`)
        const found = yield* corrupted(table, id, `update ${table} set ${column} = ${change(column)}`)
        const named = `${table}.${column}`
        assert.isNotEmpty(found, named)
        if (isKey(table, column))
          assert.includeMembers(
            found.filter((one) => one.table === table).map(({ kind }) => kind),
            ["missing", "extra"],
            named,
          )
        else if (!(table === "payout_batches" && column === "version"))
          assert.isTrue(
            found.some((one) => one.table === table && one.batch === id && one.column === column),
            named,
          )
        for (const one of found.filter((one) => one.table === "payout_items" && one.kind === "value"))
          assert.isDefined(one.event?.type, named)
        assert.notInclude(JSON.stringify(found), CANARY_IBAN.slice(4, -4), named)
        assert.notInclude(JSON.stringify(found), "Grace Hopper", named)
      }
      assert.deepStrictEqual(yield* auditedAll, [])
    }),
  )

  it.effect("finds a row that is gone in each table", () =>
    Effect.gen(function* () {
      const id = yield* projected
      for (const table of READ_MODEL_TABLES) {
        const found = yield* corrupted(table, id, `delete from ${table}`)
        assert.isTrue(
          found.some((one) => one.table === table && one.batch === id && one.kind === "missing"),
          table,
        )
      }
    }),
  )

  it.effect("finds rows of a batch that has no log, in each table", () =>
    Effect.gen(function* () {
      const id = yield* projected
      const ghost = newBatchId()
      for (const table of READ_MODEL_TABLES) {
        const own = table === "payout_batches" ? "id" : "batch"
        yield* rowsOf((sql) =>
          sql.unsafe(`create table ghosts as select * from ${table} where ${own} = '${id}' limit 1`),
        )
        yield* rowsOf((sql) => sql.unsafe(`update ghosts set ${own} = '${ghost}'`))
        yield* rowsOf((sql) => sql.unsafe(`insert into ${table} table ghosts`))
        const found = yield* auditedAll
        yield* rowsOf((sql) => sql.unsafe(`delete from ${table} where ${own} = '${ghost}'`))
        yield* rowsOf((sql) => sql.unsafe("drop table ghosts"))
        assert.deepStrictEqual(
          found.map(({ table, batch, kind }) => ({ table, batch, kind })),
          [{ table, batch: ghost, kind: "extra" }],
        )
      }
    }),
  )

  it.effect("says nothing of a batch whose events the projector has not handled yet", () =>
    Effect.gen(function* () {
      yield* projected
      const story = lifeOf("acme", 9)
      const late = newBatchId()
      const owned = yield* open(late, story)
      assert.deepStrictEqual(yield* auditedAll, [])
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      yield* appendRest(owned, story, 7)
      assert.deepStrictEqual(yield* auditedAll, [])
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      assert.deepStrictEqual(yield* auditedAll, [])
    }),
  )

  it.effect("finds a batch that stays behind, or is not there, once the projector has gone on", () =>
    Effect.gen(function* () {
      const id = yield* projected
      const tables = ["payout_batches", "payout_items", "payout_batch_days", "payout_acts"] as const
      yield* rowsOf((sql) => sql`update payout_batches set version = version - 1 where id = ${id}`)
      const behind = (yield* auditBatch(id)).differences
      assert.isTrue(behind.some(({ kind, event }) => kind === "behind" && event !== undefined))
      for (const table of tables)
        yield* rowsOf((sql) =>
          sql.unsafe(`delete from ${table} where ${table === "payout_batches" ? "id" : "batch"} = '${id}'`),
        )
      const gone = (yield* auditBatch(id)).differences
      assert.isTrue(gone.some(({ kind, table }) => kind === "missing" && table === "payout_batches"))
      assert.strictEqual(
        gone.filter(({ kind, table }) => kind === "missing" && table === "payout_items").length,
        9,
      )
      yield* rebuilt
      assert.deepStrictEqual(yield* auditedAll, [])
    }),
  )

  it.effect("finds versions and checkpoints that are ahead of the log", () =>
    Effect.gen(function* () {
      const id = yield* projected
      yield* rowsOf((sql) => sql`update payout_batches set version = version + 1 where id = ${id}`)
      const ahead = (yield* auditBatch(id)).differences
      assert.isTrue(ahead.some(({ kind, column }) => kind === "ahead" && column === "version"))
      yield* rowsOf(
        (sql) =>
          sql`update projection_checkpoints set position = '9999999999999-0' where projection = ${PROJECTION} and partition = 0`,
      )
      const found = yield* auditedAll
      assert.isTrue(
        found.some(({ table, row }) => table === "projection_checkpoints" && row === "partition 0"),
      )
      // The live projector cannot go on from there; the rebuild does not depend on it.
      yield* rebuilt
      assert.deepStrictEqual(yield* auditedAll, [])
    }),
  )

  it.effect("finds a difference in its samples, and counts it", () =>
    Effect.gen(function* () {
      yield* projected
      const { projectionDifferences } = yield* Metrics
      const counted = Effect.map(
        Effect.promise(() => projectionDifferences.get()),
        ({ values }) => values.some(({ labels, value }) => labels.table === "payout_items" && value > 0),
      )
      const sample = yield* makeSample
      yield* sample
      assert.isFalse(yield* counted)
      yield* rowsOf((sql) => sql`update payout_items set state = 'cancelled'`)
      yield* Effect.andThen(sample, counted).pipe(Effect.repeat({ until: (found) => found, times: 100 }))
      assert.isTrue(yield* counted)
      yield* rebuilt
    }),
  )
})
