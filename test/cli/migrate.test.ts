import postgres from "postgres"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { migrations } from "../../src/database/migration-files.ts"
import { emptyDatabase, type OwnDatabase } from "../database.ts"
import { atlaspay } from "./atlaspay-process.ts"

const names = migrations.map(({ name }) => name)

let database: OwnDatabase
let sql: postgres.Sql
beforeEach(async () => {
  database = await emptyDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
})
afterEach(async () => {
  await sql.end()
  await database.drop()
})

const migrate = async (...flags: ReadonlyArray<string>) => {
  const process = atlaspay({ DATABASE_URL: database.url }, "migrate", ...flags)
  return { ...(await process.end()), output: process.output() }
}

const tables = async () =>
  (await sql`select from information_schema.tables where table_schema = 'public'`).length

describe("atlaspay migrate", () => {
  it("shows what it would do, does it, and finds nothing to do then", { timeout: 60_000 }, async () => {
    const planned = await migrate("--plan")
    expect(planned.status).toBe(0)
    expect(planned.lines).toEqual(names.map((name) => `${name}: to be applied`))
    expect(await tables()).toBe(0)

    const done = await migrate("--json")
    expect(done.lines.map((line) => JSON.parse(line))).toEqual(
      names.map((migration) => ({ migration, action: "apply" })),
    )
    expect(await tables()).toBe(51)
    const again = await migrate()
    expect(again.status).toBe(0)
    expect(again.lines).toEqual([`Nothing to do: the schema has ${names.at(-1)}.`])
  })

  it("refuses a changed file and a newer database, and says what to do", { timeout: 60_000 }, async () => {
    await migrate()
    await sql`update schema_migrations set checksum = 'another' where name = '0002-payout-batches.sql'`
    const changed = await migrate("--plan")
    expect(changed.status).toBe(1)
    expect(changed.output).toContain("src/database/migrations/0002-payout-batches.sql is not the file")
    expect(changed.output).toContain("make the change in a new migration")

    await sql`update schema_migrations set checksum = null where name = '0002-payout-batches.sql'`
    await sql`insert into schema_migrations (name, checksum, works_from) values ('0099-later.sql', 'c', 99)`
    const newer = await migrate()
    expect(newer.status).toBe(1)
    expect(newer.output).toContain("it has the migration 0099-later.sql")
    expect(newer.output).toContain("Start the release that applied it")
  })
})
