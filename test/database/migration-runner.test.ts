import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Migration, migrations, readMigration } from "../../src/database/migration-files.ts"
import type { Plan } from "../../src/database/migration-plan.ts"
import { migrateTo, planned } from "../../src/database/migration-runner.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { emptyDatabase, type OwnDatabase } from "../database.ts"
import { eventually } from "../platform-under-test.ts"
import { settings } from "../settings.ts"

/** What whoever migrates holds. */
const LOCK = 0x61746c6173
const names = migrations.map(({ name }) => name)

let database: OwnDatabase
let sql: postgres.Sql
let lines: Array<string> = []
beforeEach(async () => {
  database = await emptyDatabase()
  sql = postgres(database.url, { max: 1, connection: { lock_timeout: 2_000 } })
  lines = []
})
afterEach(async () => {
  await sql.end()
  await database.drop()
})

/** As a process of its own would, with a pool of its own. */
const run = <A, E>(use: Effect.Effect<A, E, Postgres>): Promise<A> =>
  Effect.runPromise(
    use.pipe(
      Effect.provide(
        Layer.fresh(Postgres.layer).pipe(Layer.provide(settings({ DATABASE_URL: database.url }))),
      ),
      Effect.provide(loggingLayer((line) => lines.push(line))),
    ),
  )

const migrate = (release: ReadonlyArray<Migration> = migrations): Promise<Plan> => run(migrateTo(release))

const applied = async (): Promise<ReadonlyArray<string>> =>
  (await sql<Array<{ name: string }>>`select name from schema_migrations order by name`).map(
    ({ name }) => name,
  )

const tables = async (): Promise<ReadonlyArray<string>> =>
  (
    await sql<Array<{ name: string }>>`
      select table_name as name from information_schema.tables where table_schema = 'public' order by 1`
  ).map(({ name }) => name)

/** How many wait for an advisory lock of the database. */
const waiting = async (): Promise<number> =>
  (
    await sql`
      select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`
  ).length

/** This release with further migrations, as another one would have them. */
const releaseWith = (...more: ReadonlyArray<readonly [name: string, text: string]>) => [
  ...migrations,
  ...more.map(([name, text]) => readMigration(name, text)),
]
/** The number of a migration that follows those of this release, the first of them by 1. */
const numbered = (after: number): string => String(migrations.length + after).padStart(4, "0")
const worksFromHere = `-- Works from ${numbered(0)} on.\n`
const [note, noNote] = [`${numbered(1)}-note.sql`, `${numbered(2)}-no-note.sql`]
const adding = [note, `${worksFromHere}alter table file_orders add column note text;\n`] as const
const taking = [noNote, "alter table file_orders drop column note;\n"] as const

describe("migrations", () => {
  it("are applied once by processes that start together, and that take turns", async () => {
    await sql`select pg_advisory_lock(${LOCK})`
    const started = Array.from({ length: 4 }, () => migrate())
    await eventually("all have made their plans and wait", async () => (await waiting()) === 4)
    expect(await tables()).toEqual([])
    await sql`select pg_advisory_unlock(${LOCK})`
    const steps = (await Promise.all(started)).map(({ steps }) => steps.length)
    expect(steps.sort((a, b) => a - b)).toEqual([0, 0, 0, migrations.length])
    expect(await applied()).toEqual(names)
  })

  it("change nothing the second time, and wait for nobody who is at work", async () => {
    await migrate()
    await sql.begin(async (writer) => {
      await writer`select pg_advisory_xact_lock(${LOCK})`
      await writer`insert into announced_lists (version, since) values ('a', 1)`
      await writer`lock table instruction_register in row exclusive mode`
      expect(await migrate()).toEqual({ steps: [], newer: [] })
    })
    expect(await applied()).toEqual(names)
  })

  it("leave the database as it was when one of them fails", async () => {
    await sql`create table payout_items (obstacle text)`
    await expect(migrate()).rejects.toMatchObject({ reason: "42P07" })
    expect(await tables()).toEqual(["payout_items"])
    await sql`drop table payout_items`
    await migrate()
    expect(await applied()).toEqual(names)
  })

  it("leave it as it was when a later release's fails, too", async () => {
    await migrate()
    const broken = releaseWith(adding, [
      `${numbered(2)}-mistake.sql`,
      "alter table nowhere add column a int;\n",
    ])
    await expect(migrate(broken)).rejects.toMatchObject({ reason: "42P01" })
    expect(await applied()).toEqual(names)
    expect(
      await sql`select from pg_attribute where attname = 'note' and attrelid = 'file_orders'::regclass`,
    ).toEqual([])
  })

  it("are shown before they are applied, which changes nothing", async () => {
    const before = await run(planned())
    expect(before.steps.map(({ migration, action }) => `${action} ${migration.name}`)).toEqual(
      names.map((name) => `apply ${name}`),
    )
    expect(await tables()).toEqual([])
    await migrate()
    expect(await run(planned())).toEqual({ steps: [], newer: [] })
  })
})

describe("a migration that was applied and then changed", () => {
  it("is refused by name, and nothing is applied", async () => {
    await migrate()
    const edited = [...releaseWith(adding)]
    edited[8] = readMigration("0009-file-orders.sql", `${edited[8]?.statements}-- Better.\n`)
    const refused = migrate(edited)
    await expect(refused).rejects.toMatchObject({ _tag: "SchemaRefused", migration: "0009-file-orders.sql" })
    await expect(refused).rejects.toThrow(
      /0009-file-orders\.sql is not the file .* put the file back .* new migration/,
    )
    await expect(run(planned(edited))).rejects.toMatchObject({ _tag: "SchemaRefused" })
    expect(await applied()).toEqual(names)
  })

  it("is none when only its line ends are those of another system", () => {
    const [first] = migrations
    if (first === undefined) throw new Error("there is none")
    expect(readMigration(first.name, first.statements.replaceAll("\n", "\r\n"))).toEqual(first)
  })
})

describe("a database of a newer release", () => {
  it("is gone on with, and that is told, when what is new there works from this release on", async () => {
    await migrate(releaseWith(adding))
    expect(await migrate()).toEqual({ steps: [], newer: [note] })
    expect(lines.join()).toContain("the database is newer than this release, which can work with it")
    expect(lines.join()).toContain(note)
  })

  it("is refused by name otherwise, and nothing is changed", async () => {
    await migrate(releaseWith(adding, taking))
    const refused = migrate()
    await expect(refused).rejects.toMatchObject({ _tag: "SchemaRefused", migration: noNote })
    await expect(refused).rejects.toThrow(
      new RegExp(
        `newer than this release: it has the migration ${noNote}, .*its last one is ${names.at(-1)}.* Start the release that applied it`,
      ),
    )
    await expect(migrate(releaseWith(adding))).rejects.toMatchObject({ migration: noNote })
    expect(await applied()).toEqual([...names, note, noNote])
  })

  it("is refused when nobody said which releases can work with what is new there", async () => {
    await migrate()
    await sql`insert into schema_migrations (name) values ('0099-by-hand.sql')`
    await expect(migrate()).rejects.toMatchObject({ _tag: "SchemaRefused", migration: "0099-by-hand.sql" })
  })

  it("is gone on with where a person stands for it", async () => {
    await migrate(releaseWith(adding, taking))
    await sql`update schema_migrations set works_from = ${migrations.length} where name = ${noNote}`
    expect((await migrate()).newer).toEqual([note, noNote])
  })
})

it("a migration that comes before one that was applied is refused: the database is of another line", async () => {
  const later = `${numbered(2)}-later.sql`
  await migrate(releaseWith([later, `${worksFromHere}select 1;\n`]))
  const refused = migrate(releaseWith(adding))
  await expect(refused).rejects.toMatchObject({ _tag: "SchemaRefused", migration: note })
  await expect(refused).rejects.toThrow(new RegExp(`${later}, and not ${note}.*number ${note} after`))
})
