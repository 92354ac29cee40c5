/** What Postgres itself needs for the rows of the read models: a COPY of them into empty tables with the same indexes. */
import { once } from "node:events"
import type { Sql } from "postgres"
import { READ_MODEL_TABLES } from "../../src/projections/read-model-tables.ts"

/** Seconds of the COPYs alone; the rows are in memory as text before. */
export const copyBare = async (sql: Sql): Promise<{ readonly seconds: number; readonly rows: number }> => {
  await sql`drop schema if exists bare cascade`
  await sql`create schema bare`
  const texts: Array<readonly [table: string, text: Buffer]> = []
  let rows = 0
  for (const table of READ_MODEL_TABLES) {
    await sql.unsafe(`create table bare.${table} (like public.${table} including all)`)
    const [kept] = await sql<Array<{ options: string | null }>>`
      select array_to_string(reloptions, ', ') as options from pg_class where oid = ${`public.${table}`}::regclass`
    if (kept?.options) await sql.unsafe(`alter table bare.${table} set (${kept.options})`)
    const [{ count = 0 } = {}] = await sql<Array<{ count: number }>>`
      select count(*)::int as count from ${sql(`public.${table}`)}`
    rows += count
    texts.push([table, await textOf(sql, table)])
  }
  await sql`checkpoint`
  const since = performance.now()
  for (const [table, text] of texts) {
    const into = await sql.unsafe(`copy bare.${table} from stdin`).writable()
    into.end(text)
    await once(into, "finish")
  }
  const seconds = (performance.now() - since) / 1_000
  for (const table of READ_MODEL_TABLES) {
    const [same] = await sql.unsafe<Array<{ same: boolean }>>(
      `select (select count(*) from bare.${table}) = (select count(*) from public.${table}) as same`,
    )
    if (same?.same !== true) throw new Error(`${table} was not copied whole`)
  }
  return { seconds, rows }
}

const textOf = async (sql: Sql, table: string): Promise<Buffer> => {
  const parts: Array<Buffer> = []
  const from = await sql.unsafe(`copy public.${table} to stdout`).readable()
  for await (const part of from) parts.push(part)
  return Buffer.concat(parts)
}
