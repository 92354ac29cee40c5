import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { Postgres } from "../platform/postgres.ts"

const migration = readFileSync(new URL("migrations/0001-webhooks.sql", import.meta.url), "utf8")

/**
 * Creates the tables unless they are there. The statements go out as one message, which Postgres runs as a single
 * transaction, under a lock: processes that start together take turns.
 */
export const createSchema = Effect.gen(function* () {
  const { query } = yield* Postgres
  yield* query("create webhook tables", (sql) =>
    sql.unsafe(`select pg_advisory_xact_lock(hashtext('atlaspay webhooks'));\n${migration}`),
  )
})
