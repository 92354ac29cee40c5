import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { Postgres } from "../platform/postgres.ts"
import { columnAddition, tableCreation } from "../platform/table-creation.ts"

const read = (name: string) => readFileSync(new URL(`migrations/${name}`, import.meta.url), "utf8")
const tables = read("0001-webhooks.sql")
const hosts = read("0002-endpoint-hosts.sql")

/** Creates the tables unless they are there, and adds what older ones lack. */
export const createSchema = Effect.gen(function* () {
  const { query } = yield* Postgres
  yield* query("create webhook tables", (sql) => sql.unsafe(tableCreation("webhook_endpoints", tables)))
  yield* query("add the hosts of endpoints", (sql) =>
    sql.unsafe(columnAddition("webhook_endpoints", "host", hosts)),
  )
})
