import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { data } from "currency-codes"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { addDays, utcDay } from "../../src/domain/business-days.ts"
import {
  currencyListAsOf,
  currencyProblem,
  exponentOf,
  isPayableOn,
  knownCurrencies,
  payableCurrencies,
} from "../../src/domain/currency.ts"
import { Currency, formatAmount } from "../../src/domain/money.ts"

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

/** Entries that the agency marks as funds, and the Uruguayan unit of account that pensions are counted in. */
const funds = new Set([
  ...[...listOne.matchAll(/<CcyNm IsFund="true">[^<]*<\/CcyNm>\s*<Ccy>([A-Z]{3})</g)].map(
    ([, code = ""]) => code,
  ),
  "UYW",
])

const payable = new Set(payableCurrencies)

describe("currencies", () => {
  it("are those of ISO 4217 that have a minor unit, with its decimals, and XCG, which is newer", () => {
    const ours = Object.fromEntries(knownCurrencies.map((code) => [code, exponentOf(code)]))
    expect(ours).toEqual({ ...Object.fromEntries(withMinorUnit), XCG: 2 })
  })

  it("have the decimals that the package gives", () => {
    const theirs = data.filter(({ code }) => !withoutMinorUnit.has(code))
    expect(theirs.length).toBe(knownCurrencies.length - 1)
    for (const { code, digits } of theirs) expect([code, exponentOf(code)]).toEqual([code, digits])
  })

  it("are listed once each", () => {
    expect(new Set(knownCurrencies).size).toBe(knownCurrencies.length)
  })

  it("can be paid unless they were withdrawn, or are funds", () => {
    expect([...withMinorUnit.keys(), "XCG"].filter((code) => !payable.has(code)).sort()).toEqual(
      [...funds, "ANG", "BGN"].sort(),
    )
    expect([...funds].sort()).toEqual(["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"])
  })

  it.each([
    ["XCG", "2025-03-30", "XCG is not in use before 2025-03-31"],
    ["XCG", "2025-03-31", undefined],
    ["ANG", "2025-03-31", undefined],
    ["ANG", "2025-04-01", "ANG was withdrawn on 2025-03-31"],
    ["BGN", "2025-12-31", undefined],
    ["BGN", "2026-01-01", "BGN was withdrawn on 2025-12-31"],
    ["CHW", "2026-01-01", "CHW is a fund or a unit of account, and cannot be paid"],
    ["HRK", "2026-01-01", "expected a payable ISO 4217 currency such as EUR"],
    ["XTS", "2026-01-01", "expected a payable ISO 4217 currency such as EUR"],
    ["XXX", "2026-01-01", "expected a payable ISO 4217 currency such as EUR"],
    ["XAU", "2026-01-01", "expected a payable ISO 4217 currency such as EUR"],
    ["EUR", "2026-01-01", undefined],
  ])("such as %s on %s: %s", (code, day, problem) => {
    expect(currencyProblem(code, day)).toBe(problem)
    expect(isPayableOn(code, day)).toBe(problem === undefined)
  })

  it("were looked at within a year", () => {
    const today = utcDay(Date.now())
    expect(
      addDays(currencyListAsOf, 366) >= today,
      `src/domain/currency.ts is as of ${currencyListAsOf}: compare it with ISO 4217 list one and its amendments, and set currencyListAsOf`,
    ).toBe(true)
  })

  it("that were withdrawn can be read and printed, as logs have them", () => {
    expect(Schema.is(Currency)("ANG")).toBe(true)
    expect(formatAmount(123n, "BGN")).toBe("1.23")
    expect(formatAmount(12_345n, "CLF")).toBe("1.2345")
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
