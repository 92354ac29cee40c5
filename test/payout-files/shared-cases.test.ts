/** Files that failed once, and files of others, where they lie beside the checkout: without them, tests skip. */
import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"
import { fileOf, readAt, refusalAt } from "./read-file.ts"

const cases = ["../shared/cases/csv", "../../shared/cases/csv"].find((path) => existsSync(path))

describe.skipIf(cases === undefined)("a spreadsheet that failed once", () => {
  it("names a column twice, and is refused with the column", async () => {
    expect(await refusalAt(`${cases}/c22-dup-header.csv`)).toEqual([
      "line 1, remittance: columns 11 and 12 have the same name; rename or remove one",
    ])
  })

  it("has line breaks within quotes, and its bad row is named by the line where it begins", async () => {
    const file = `${cases}/d02-crlf-in-quotes-drift.csv`
    const breaks = "remittance: expected no control, bidirectional or zero-width characters"
    const expected = [
      ...[2, 4, 6].map((line) => `line ${line}, ${breaks}`),
      expect.stringMatching(/^line 8, amount: expected a plain decimal/),
    ]
    expect(await refusalAt(file)).toEqual(expected)
    const withNewlines = fileOf(readFileSync(file, "utf8").replaceAll("\r\n", "\n"))
    expect(await refusalAt(withNewlines)).toEqual(expected)
    const withReturns = fileOf(readFileSync(file, "utf8").replaceAll("\r\n", "\r"))
    expect(await refusalAt(withReturns)).toEqual(expected)
  })

  it("begins with the line in which a spreadsheet names its separator", async () => {
    const { items } = await readAt(`${cases}/c20-sep-line.csv`)
    expect(items).toMatchObject([{ reference: "a1", currency: "EUR", minor: 1234n, remittance: "x" }])
  })

  it("is Wise's, with one payment reference on all rows", async () => {
    const { items } = await readAt(`${cases}/d09-wise-same-reference.csv`)
    expect(items).toMatchObject([
      { reference: "inv 1 #1", remittance: "inv 1", minor: 1000n, beneficiary: { name: "Ada Lovelace" } },
      { reference: "inv 1 #2", remittance: "inv 1", minor: 1000n, beneficiary: { name: "Bob Bond" } },
    ])
  })
})

describe.skipIf(!isPublishedDataThere)("a file of others", () => {
  it("is Wise's template", async () => {
    const { items } = await readAt(publishedFile("inputs/wise-batch-payment.csv"))
    expect(items.map(({ reference, currency, minor }) => [reference, currency, minor])).toEqual([
      ["TEST100", "GBP", 200n],
      ["TEST101", "EUR", 200n],
      ["TEST102", "USD", 200n],
    ])
  })

  it("is a pain.001 whose accounts nobody has: each is refused by its element", async () => {
    expect(await refusalAt(publishedFile("inputs/sepaxml.pain.001.001.09.xml"))).toEqual([
      "item 1, CdtrAcct/Id/IBAN: the check digits do not match",
      "item 2, CdtrAcct/Id/IBAN: the check digits do not match",
    ])
  })

  it("is the same pain.001 with an account", async () => {
    const xml = readFileSync(publishedFile("inputs/sepaxml.pain.001.001.09.xml"), "utf8")
    const { items, body, notes } = await readAt(
      fileOf(xml.replaceAll("NL50BANK1234567890", "NL91ABNA0417164300"), "order.xml"),
    )
    const account = { scheme: "iban", iban: "NL91ABNA0417164300", bic: "BANKNL2A" }
    expect(items).toEqual([
      {
        item: 1,
        reference: "payment #1",
        currency: "EUR",
        minor: 1012n,
        beneficiary: { name: "Test von Testenstein", account },
        remittance: "Test transaction1",
      },
      {
        item: 2,
        reference: "payment #2",
        currency: "EUR",
        minor: 5000n,
        beneficiary: { name: "Test du Test", account },
        remittance: "Test transaction2",
      },
    ])
    expect(JSON.parse(body)).toMatchObject({
      reference: "20180724040432-d24ce3b3e284",
      executeAt: "2018-07-24T00:00:00.000Z",
    })
    expect(notes.join()).toContain("TestCreditor")
  })
})
