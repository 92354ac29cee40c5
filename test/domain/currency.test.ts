import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { data } from "currency-codes"
import { describe, expect, it } from "vitest"
import { exponentOf, payableCurrencies } from "../../src/domain/currency.ts"

/** ISO 4217 list one as its maintenance agency publishes it, which the `currency-codes` package carries. */
const listOne = readFileSync(
  fileURLToPath(import.meta.resolve("currency-codes/iso-4217-list-one.xml")),
  "utf8",
)

/** Code and minor unit of each entry; metals, test codes and units of account have "N.A." decimals. */
const entries = [
  ...listOne.matchAll(/<Ccy>([A-Z]{3})<\/Ccy>\s*<CcyNbr>\d{3}<\/CcyNbr>\s*<CcyMnrUnts>([^<]+)</g),
].map(([, code = "", decimals = ""]) => ({ code, decimals }))

const withMinorUnit = new Map(
  entries.flatMap(({ code, decimals }) => (decimals === "N.A." ? [] : [[code, Number(decimals)] as const])),
)
const withoutMinorUnit = new Set(entries.flatMap(({ code, decimals }) => (decimals === "N.A." ? [code] : [])))

describe("payable currencies", () => {
  it("are those of ISO 4217 that have a minor unit, with its decimals", () => {
    const ours = Object.fromEntries(payableCurrencies.map((code) => [code, exponentOf(code)]))
    expect(ours).toEqual(Object.fromEntries(withMinorUnit))
  })

  it("have the decimals that the package gives", () => {
    const theirs = data.filter(({ code }) => !withoutMinorUnit.has(code))
    expect(theirs.length).toBe(payableCurrencies.length)
    for (const { code, digits } of theirs) expect([code, exponentOf(code)]).toEqual([code, digits])
  })

  it("are listed once each", () => {
    expect(new Set(payableCurrencies).size).toBe(payableCurrencies.length)
  })

  it("leave out metals, test codes and units of account", () => {
    expect([...withoutMinorUnit].sort()).toEqual(
      ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"].sort(),
    )
    for (const code of withoutMinorUnit) expect(exponentOf(code)).toBeUndefined()
  })

  it.each(["", "eur", "EU", "EURO", " EUR", "ZZZ", "DEM", "__proto__", "constructor"])(
    "do not include %j",
    (code) => {
      expect(exponentOf(code)).toBeUndefined()
    },
  )
})
