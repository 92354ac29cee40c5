import postgres from "postgres"
import { expect, it } from "vitest"
import { arrayText, arrayTypes } from "../../src/platform/postgres-arrays.ts"
import { ownDatabase } from "../database.ts"

it("arrays come back from Postgres as they were, but for what its texts cannot hold", async () => {
  const { url, drop } = await ownDatabase()
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    const texts = [
      "",
      "NULL",
      "null",
      " a b ",
      'quo"te',
      "back\\slash\\",
      "{,}",
      "ümläut 🦆",
      "line\nbreak",
      null,
    ]
    const broken = ["nul\0", "half \ud83e"]
    const [row] = await sql`
      select to_json(${arrayText([...texts, ...broken])}::text[]) as texts, to_json(${arrayText([1, -2, null])}::int[]) as numbers,
        ${arrayText([])}::text[] as none`
    expect(row).toEqual({
      texts: [...texts, "nul\uFFFD", "half \uFFFD"],
      numbers: [1, -2, null],
      none: [],
    })
  } finally {
    await sql.end()
    await drop()
  }
})

it("arrays are passed and read as the driver does that asks Postgres for its types", async () => {
  const { url, drop } = await ownDatabase()
  const asking = postgres(url, { max: 1, onnotice: () => {} })
  const knowing = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false, types: arrayTypes })
  const texts = ["", "NULL", "null", " a b ", 'quo"te', "back\\slash\\", "{,}", "ümläut 🦆", "line\nbreak"]
  const ids = ["0190f5f1-7f3c-7d2a-8a55-3d1c5c0f1b2a"]
  const times = [new Date("2026-11-28T00:00:00.123Z")]
  const json = [{ a: 'quo"te', b: [1, null] }, {}]
  const ask = async (sql: postgres.Sql) => {
    const [row] = await sql`
      select ${texts}::text[] as texts, ${[]}::text[] as none, ${["a"]}::varchar[] as words,
        ${["pg_class"]}::name[] as names, ${[1, -2]}::int[] as numbers, ${["9007199254740993"]}::bigint[] as positions,
        ${["12.34"]}::numeric[] as amounts, ${[1.5]}::float8[] as shares, ${ids}::uuid[] as ids,
        ${times.map((time) => time.toISOString())}::timestamptz[] as times, ${["2026-11-28"]}::date[] as days,
        array[true, false] as answers, array(select x from jsonb_array_elements(${JSON.stringify(json)}::text::jsonb) x) as json,
        array(select x from json_array_elements(${JSON.stringify(json)}::text::json) x) as written`
    return { ...row }
  }
  try {
    const known = await ask(knowing)
    expect(known).toEqual(await ask(asking))
    expect(await knowing`select array['a', null] as gaps`).toMatchObject([{ gaps: ["a", null] }])
    expect(known).toMatchObject({ texts, none: [], ids, times, json, written: json })
  } finally {
    await Promise.all([asking.end(), knowing.end()])
    await drop()
  }
})
