import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { Postgres } from "../platform/postgres.ts"
import { tableCreation } from "../platform/table-creation.ts"

const tables = readFileSync(new URL("migrations/0001-webhooks.sql", import.meta.url), "utf8")

/** Creates the tables unless they are there. */
export const createSchema = Effect.gen(function* () {
  const { query } = yield* Postgres
  yield* query("create webhook tables", (sql) => sql.unsafe(tableCreation("webhook_endpoints", tables)))
})
