/** Rows that cannot be paid, in a file that people mend and submit. */
import { readFileSync, statSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { cellOf, harmlessCell } from "../../src/parsing/csv-cells.ts"
import { RejectsFile, rejectsText } from "../../src/payout-files/rejects-file.ts"
import { fc } from "../property.ts"
import { fileOf, folder, read } from "./read-file.ts"

const header = "reference;currency;amount;name;iban;remittance"
const good = "a1;EUR;1.00;Ada;DE89370400440532013000;"

const rejects = async (content: string) => {
  const { sheet, items } = await read(content, { setsAside: true })
  return { items, text: sheet === undefined ? "" : rejectsText(sheet) }
}

describe("the file of rejected rows", () => {
  it("has the columns and separator of the original, and each row's reasons behind them", async () => {
    const { items, text } = await rejects(
      [
        header,
        good,
        'a2;EUR;x;"Bond; Bob";DE89370400440532013000',
        "a1;EUR;2.00;Cleo;DE88370400440532013000;",
      ].join("\n"),
    )
    expect(items.map(({ reference }) => reference)).toEqual(["a1"])
    const lines = [
      `${header};reject_reason`,
      'a2;EUR;x;"Bond; Bob";DE89370400440532013000;;"amount: expected a plain decimal such as ""12.05"""',
      'a1;EUR;2.00;Cleo;DE88370400440532013000;;"reference: already used by line 2; iban: the check digits do not match"',
    ]
    expect(text).toBe(`\uFEFF${lines.join("\r\n")}\r\n`)
  })

  it("is read again once it is mended, and rejected again with new reasons where it is not", async () => {
    const { text } = await rejects(
      [header, good, "a2;EUR;x;Bob;DE89370400440532013000;", "a3;EUR;y;Cleo;DE89370400440532013000;"].join(
        "\n",
      ),
    )
    const { items, text: second } = await rejects(text.replace(";x;", ";7.00;"))
    expect(items).toMatchObject([{ reference: "a2", minor: 700n }])
    expect(second.split("\r\n")).toHaveLength(3)
    expect(second.match(/reject_reason/g)).toHaveLength(1)
  })

  it("holds cells beyond the header behind the reason", async () => {
    const { text } = await rejects(
      [header, good, "a2;EUR;1.00;Bob;DE89370400440532013000;;;stray"].join("\n"),
    )
    expect(text.split("\r\n")[1]).toBe(
      "a2;EUR;1.00;Bob;DE89370400440532013000;;8 cells under 6 columns;;stray",
    )
  })

  it.each(["=1+1", "+1", "-1", "@x", "\uff1d1", '=HYPERLINK("http://x")'])(
    "makes the cell %s text",
    async (cell) => {
      const quoted = `"${cell.replaceAll('"', '""')}"`
      const { text } = await rejects([header, good, `a2;EUR;x;${quoted};DE89370400440532013000;`].join("\n"))
      const { sheet } = await read(text, { setsAside: true })
      expect(text).toContain(`'${cell.replaceAll('"', '""')}`)
      expect(sheet?.rejected[0]?.row.cells[3]).toBe(`'${cell}`)
      const mended = await read(text.replace(";x;", ";1.00;"), { setsAside: true })
      expect(mended.items[0]?.beneficiary.name).toBe(cell)
    },
  )

  it.each(["=1", "'=1", "''-1", "'x"])("gives back the cell %s after it was rejected twice", async (cell) => {
    const once = await rejects([header, good, `a2;EUR;x;${cell};DE89370400440532013000;`].join("\n"))
    const { text } = await rejects(once.text)
    const mended = await read(text.replace(";x;", ";1.00;"), { setsAside: true })
    expect(mended.items[0]?.beneficiary.name).toBe(cell)
  })

  it("gives back every cell as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (cell) => {
        expect(harmlessCell(cell)).not.toMatch(/^\s*[=+\-@]/)
        expect(cellOf(harmlessCell(cell))).toBe(cell)
      }),
    )
  })

  it("leaves an apostrophe in files that are not ours", async () => {
    const { items } = await read([header, "a1;EUR;1.00;'@home;DE89370400440532013000;"].join("\n"))
    expect(items[0]?.beneficiary.name).toBe("'@home")
  })
})

describe("the file on the disk", () => {
  it("is for its owner alone, and is written anew by the run that made it", async () => {
    const file = new RejectsFile(join(folder, "rejects.csv"))
    await file.write("first, and longer")
    await file.write("second")
    await file.close()
    expect(readFileSync(file.path, "utf8")).toBe("second")
    expect(statSync(file.path).mode & 0o777).toBe(0o600)
  })

  it("never takes the place of another, nor of what a link leads to", async () => {
    const other = fileOf("precious", "other.csv")
    await expect(new RejectsFile(other).write("x")).rejects.toThrow("EEXIST")
    const link = join(folder, "link.csv")
    symlinkSync(join(folder, "nowhere.csv"), link)
    await expect(new RejectsFile(link).write("x")).rejects.toThrow("EEXIST")
    expect(readFileSync(other, "utf8")).toBe("precious")
  })
})
