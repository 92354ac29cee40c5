/** A database as the release before the one schema left it, with rows in every table, becomes one of this release. */
import assert from "node:assert"
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Database } from "../../src/database/database.ts"
import { migrations } from "../../src/database/migration-files.ts"
import { migrate, planned } from "../../src/database/migration-runner.ts"
import type { BatchId, PartnerId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import { layer as queriesInPostgres } from "../../src/projections/batch-queries-postgres.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { FileOrders } from "../../src/providers/banks/orders/file-orders.ts"
import { layer as ordersInPostgres } from "../../src/providers/banks/orders/file-orders-postgres.ts"
import { FileRecords } from "../../src/providers/banks/orders/file-records.ts"
import { layer as recordsInPostgres } from "../../src/providers/banks/orders/file-records-postgres.ts"
import { OutboxFiles } from "../../src/providers/banks/orders/outbox-files.ts"
import { layer as outboxInPostgres } from "../../src/providers/banks/orders/outbox-files-postgres.ts"
import { ReconciliationResults } from "../../src/reconciliation/results.ts"
import { layer as resultsInPostgres } from "../../src/reconciliation/results-postgres.ts"
import { DecisionRegister } from "../../src/register/decision-register.ts"
import { layer as decisionsInPostgres } from "../../src/register/decision-register-postgres.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { layer as instructionsInPostgres } from "../../src/register/instruction-register-postgres.ts"
import { postgresListStore } from "../../src/streams/announced-lists-postgres.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsInPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { layer as deliveriesInPostgres } from "../../src/webhooks/deliveries-postgres.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layer as endpointsInPostgres } from "../../src/webhooks/endpoints-postgres.ts"
import { databaseLayer, emptyDatabase, type OwnDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { fixedKeys } from "../vault/fixed-keys.ts"
import { batches, recordedSettings, restoreDatabase } from "./recorded-release.ts"

let recorded: OwnDatabase
let fresh: OwnDatabase
beforeEach(async () => {
  recorded = await emptyDatabase()
  fresh = await emptyDatabase()
  await restoreDatabase(recorded.url)
})
afterEach(async () => {
  await recorded.drop()
  await fresh.drop()
})

/** Runs against the recorded database, with everything that reads and writes its tables. */
const onRecorded = <A, E>(use: Effect.Effect<A, E, Layer.Success<typeof adapters>>): Promise<A> =>
  Effect.runPromise(
    use.pipe(
      Effect.provide(
        Layer.fresh(adapters).pipe(
          Layer.provide(settings({ ...recordedSettings, DATABASE_URL: recorded.url })),
        ),
      ),
    ),
  )

const adapters = Layer.mergeAll(
  cursorsInPostgres,
  queriesInPostgres,
  resultsInPostgres,
  decisionsInPostgres,
  instructionsInPostgres,
  recordsInPostgres,
  ordersInPostgres,
  outboxInPostgres,
  endpointsInPostgres,
  deliveriesInPostgres,
).pipe(Layer.provide(fixedKeys()), Layer.provideMerge(databaseLayer))

const rowsOf = async (url: string): Promise<ReadonlyMap<string, number>> => {
  const sql = postgres(url, { max: 1 })
  try {
    const tables = await sql<Array<{ name: string }>>`
      select table_name as name from information_schema.tables where table_schema = 'public' order by 1`
    const counts = tables.map(async ({ name }) => {
      const [row] = await sql<Array<{ rows: number }>>`select count(*)::int as rows from ${sql(name)}`
      return [name, row?.rows ?? 0] as const
    })
    return new Map(await Promise.all(counts))
  } finally {
    await sql.end()
  }
}

/** Columns, indexes and constraints, each as Postgres would write it. */
const schemaOf = async (url: string): Promise<ReadonlyArray<string>> => {
  const sql = postgres(url, { max: 1 })
  try {
    const rows = await sql<Array<{ line: string }>>`
      select concat_ws(' ', table_name, column_name, data_type, collation_name, is_nullable, column_default,
        is_identity, generation_expression) as line
      from information_schema.columns where table_schema = 'public'
      union all select indexdef from pg_indexes where schemaname = 'public'
      union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'public'::regnamespace
      union all select concat_ws(' ', relname, reloptions) from pg_class where reloptions is not null
        and relnamespace = 'public'::regnamespace
      order by line`
    return rows.map(({ line }) => line)
  } finally {
    await sql.end()
  }
}

const runOn = <A, E>(url: string, use: Effect.Effect<A, E, Postgres>): Promise<A> =>
  Effect.runPromise(
    use.pipe(
      Effect.provide(Layer.fresh(Postgres.layer).pipe(Layer.provide(settings({ DATABASE_URL: url })))),
    ),
  )

/** The last migration whose tables that release had. */
const RECORDED = 15

describe("a database of the release before", () => {
  it("has rows in every table, and they are all there afterwards", async () => {
    const before = await rowsOf(recorded.url)
    expect(before.size).toBe(21)
    expect([...before].filter(([, rows]) => rows === 0)).toEqual([])
    const { steps } = await runOn(recorded.url, migrate)
    expect(steps.map(({ migration, action }) => `${action} ${migration.name}`)).toEqual(
      migrations.map(({ name, number }) => `${number <= RECORDED ? "adopt" : "apply"} ${name}`),
    )
    const after = await rowsOf(recorded.url)
    const filled = new Map([...after].filter(([table, rows]) => before.has(table) || rows > 0))
    expect(filled).toEqual(new Map([...before, ["schema_migrations", migrations.length]]))
  })

  it("has the schema afterwards that an empty one gets", async () => {
    await runOn(recorded.url, migrate)
    await runOn(fresh.url, migrate)
    expect(await schemaOf(recorded.url)).toEqual(await schemaOf(fresh.url))
  })

  it("is upgraded once, by any number of processes, and needs nothing then", async () => {
    const plans = await Promise.all([1, 2, 3].map(() => runOn(recorded.url, migrate)))
    expect(plans.filter(({ steps }) => steps.length > 0)).toHaveLength(1)
    expect(await runOn(recorded.url, planned())).toEqual({ steps: [], newer: [] })
  })

  it("is upgraded where only some parts of that release ever ran", async () => {
    await runOn(recorded.url, dropWebhooks)
    const { steps } = await runOn(recorded.url, migrate)
    const made = steps.filter(({ action }) => action === "apply").map(({ migration }) => migration.name)
    const later = migrations.filter(({ number }) => number > RECORDED).map(({ name }) => name)
    expect(made).toEqual(["0013-webhooks.sql", "0014-endpoint-hosts.sql", ...later])
    await runOn(fresh.url, migrate)
    expect(await schemaOf(recorded.url)).toEqual(await schemaOf(fresh.url))
  })

  it("lets that release start again: it finds everything done that it would do", async () => {
    await runOn(recorded.url, migrate)
    await runOn(fresh.url, migrate)
    for (const url of [recorded.url, fresh.url]) await runOn(url, asThatRelease)
    expect(await schemaOf(recorded.url)).toEqual(await schemaOf(fresh.url))
    expect(await runOn(fresh.url, planned())).toEqual({ steps: [], newer: [] })
  })

  it("is read and continued by this one", async () => {
    await onRecorded(
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        const cursor = (yield* cursors.load(PROJECTION, [2])).get(2)
        assert(cursor)
        assert(cursor.position !== "0-0" && cursor.head !== undefined)
        expect(
          yield* cursors.move(PROJECTION, [{ partition: 2, from: cursor.position, to: cursor }]),
        ).toEqual(["moved"])

        const { batch, items } = yield* BatchQueries
        const mixed = yield* batch("acme", mixedBatch)
        expect(mixed).toMatchObject({ state: "partially-settled", itemCount: 5 })
        const found = yield* items("acme", mixedBatch, { limit: 10 })
        expect(found?.entries.map(({ state }) => state)).toEqual([
          ...["failed", "rejected", "returned", "settled", "settled"],
        ])

        const { standing, record } = yield* InstructionRegister
        const { tail } = yield* standing(mixedBatch, 0)
        assert(tail !== undefined)
        const again = { batch: mixedBatch, item: 1, attempt: 1, bank: "north" }
        const { registered } = yield* record([again], tail, new Set())
        expect(registered).toEqual([again])
        expect((yield* standing(batches.approved as BatchId, 3)).isLossAccepted).toBe(true)

        const waiting = yield* (yield* DecisionRegister).overdue(0, 10)
        expect(waiting.map(({ batch, command }) => [batch, command._tag])).toEqual([
          [batches.cancelled, "Cancel"],
        ])

        const { sentIn } = yield* FileOrders
        const [order] = yield* sentIn("clearing", "EUR-sepa-2026-11-27-1")
        expect(order).toMatchObject({ minor: 150_000n, standing: { _tag: "Settled" } })
        expect((yield* (yield* FileRecords).tail("clearing"))?.version).toBe(2)
        expect(yield* (yield* OutboxFiles).due("clearing", Date.now(), 10)).toEqual([
          { bank: "clearing", scheme: "sepa", currency: "EUR" },
        ])

        const { byKind } = (yield* (yield* ReconciliationResults).last) ?? {}
        expect(byKind).toEqual(new Map([["returned-not-in-log", 1]]))
        const lists = postgresListStore(yield* Database)
        expect((yield* lists.latest)?.version).toBe("list-2")

        const endpoints = yield* (yield* WebhookEndpoints).list("acme" as PartnerId)
        expect(endpoints.map(({ url }) => new URL(url).pathname)).toEqual(["/told", "/silent"])
        const none = { partners: [], hosts: [], endpoints: [], pairs: [] }
        const due = yield* (yield* Deliveries).waiting(none, 10)
        expect(due.map(({ endpoint }) => endpoint)).toContain(endpoints[1]?.id)
      }),
    )
  })
})

const mixedBatch = batches.mixed as BatchId

const dropWebhooks = Effect.flatMap(Postgres, ({ query }) =>
  query("drop", (sql) => sql.unsafe("drop table webhook_deliveries, webhook_events, webhook_endpoints")),
)

/** What the release before does when it starts: each statement makes something, unless it finds it done. */
const asThatRelease = Effect.flatMap(Postgres, ({ query }) =>
  query("start", (sql) =>
    sql.unsafe(`
      select pg_advisory_xact_lock(${0x61746c6173});
      create table if not exists schema_migrations (name text primary key, applied_at timestamptz default now());
      do $once$ begin
        ${[
          "0001-projection-checkpoints",
          "0002-payout-batches",
          "0003-checkpoint-heads",
          "0004-item-clearance",
          "0005-reconciliation",
        ]
          .map(
            (name) => `if not exists (select from schema_migrations where name = '${name}.sql') then
              raise exception 'it would make ${name}';
            end if;`,
          )
          .join("\n")}
        ${[
          "instruction_register",
          "decision_register",
          "file_orders",
          "file_order_words",
          "bank_file_log",
          "webhook_endpoints",
          "announced_lists",
        ]
          .map(
            (table) =>
              `if to_regclass('${table}') is null then raise exception 'it would make ${table}'; end if;`,
          )
          .join("\n")}
      end $once$;`),
  ),
)
