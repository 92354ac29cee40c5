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

it("arrays that the driver passes and reads are the same, of each type that statements use", async () => {
  const { url, drop } = await ownDatabase()
  const sql = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false, types: arrayTypes })
  try {
    const texts = ["", "NULL", "null", " a b ", 'quo"te', "back\\slash\\", "{,}", "ümläut 🦆", "line\nbreak"]
    const id = "0190f5f1-7f3c-7d2a-8a55-3d1c5c0f1b2a"
    const [row] = await sql`
      select ${texts}::text[] as texts, ${[]}::text[] as none, array['a', null] as gaps,
        ${["pg_class", "nothing"]}::name[] @> array['pg_class'::name] as names,
        to_json(${[1, -2]}::int[]) as numbers, to_json(${["9007199254740993"]}::bigint[])::text as positions,
        to_json(${["12.34"]}::numeric[])::text as amounts, ${[id]}::uuid[] @> array[${id}::uuid] as ids,
        ${["2026-11-28T00:00:00Z"]}::timestamptz[] @> array['2026-11-28T00:00:00Z'::timestamptz] as times,
        ${["a"]}::varchar[] @> array['a'::varchar] as words`
    expect(row).toEqual({
      texts,
      none: [],
      gaps: ["a", null],
      names: true,
      numbers: [1, -2],
      positions: "[9007199254740993]",
      amounts: "[12.34]",
      ids: true,
      times: true,
      words: true,
    })
  } finally {
    await sql.end()
    await drop()
  }
})
