import { readdirSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { describe } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { migrate } from "../../src/projections/migrations-postgres.ts"
import { ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"

const migrations = readdirSync("src/projections/migrations").sort()

/** An empty database, with as many pools on it as processes would have. */
const emptyDatabase = Effect.acquireRelease(
  Effect.promise(() => ownDatabase()),
  ({ drop }) => Effect.promise(drop),
)
const pool = (url: string) => Postgres.layer.pipe(Layer.provide(settings({ DATABASE_URL: url })), Layer.fresh)

const applied = Effect.gen(function* () {
  const rows = yield* (yield* Postgres).query(
    "look",
    (sql) => sql<Array<{ name: string }>>`select name from schema_migrations order by name`,
  )
  return rows.map(({ name }) => name)
})

describe("migrations", () => {
  it.live("are applied once by processes that start together", () =>
    Effect.gen(function* () {
      const { url } = yield* emptyDatabase
      yield* Effect.forEach(Array.from({ length: 4 }), () => migrate.pipe(Effect.provide(pool(url))), {
        concurrency: 4,
      })
      const names = yield* applied.pipe(Effect.provide(pool(url)))
      assert.deepStrictEqual(names, migrations)
    }).pipe(Effect.scoped),
  )

  it.live("leave the database as it was when one of them fails", () =>
    Effect.gen(function* () {
      const { url } = yield* emptyDatabase
      yield* Effect.gen(function* () {
        const { query } = yield* Postgres
        yield* query("obstruct", (sql) => sql`create table payout_items (obstacle text)`)
        const error = yield* Effect.flip(migrate)
        assert.strictEqual(error.reason, "42P07")
        const tables = yield* query(
          "look",
          (sql) => sql`select table_name from information_schema.tables where table_schema = 'public'`,
        )
        assert.strictEqual(tables.length, 1)
        yield* query("clear", (sql) => sql`drop table payout_items`)
        yield* migrate
        assert.deepStrictEqual(yield* applied, migrations)
      }).pipe(Effect.provide(pool(url)))
    }).pipe(Effect.scoped),
  )
})
