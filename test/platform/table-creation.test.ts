import postgres from "postgres"
import { afterAll, beforeAll, expect, it } from "vitest"
import { tableCreation } from "../../src/platform/table-creation.ts"
import { ownDatabase } from "../database.ts"

const creation = tableCreation(
  "notes",
  "create table notes (id int primary key); create index if not exists notes_by_id on notes (id);",
)

let database: Awaited<ReturnType<typeof ownDatabase>>
let sql: postgres.Sql
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 4, connection: { lock_timeout: 2_000 } })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

it("makes tables once, whoever starts at the same time", async () => {
  await Promise.all(Array.from({ length: 4 }, () => sql.unsafe(creation)))
  expect(await sql`select from notes`).toEqual([])
})

it("waits for nobody who is at work in tables that are there", async () => {
  await sql.unsafe(creation)
  await sql.begin(async (writer) => {
    await writer`insert into notes values (1)`
    await sql.unsafe(creation)
  })
  expect(await sql`select id from notes`).toEqual([{ id: 1 }])
})
