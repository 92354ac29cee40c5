import postgres from "postgres"
import { expect, it } from "vitest"
import { arrayText } from "../../src/platform/postgres-arrays.ts"
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
