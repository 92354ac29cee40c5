import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { exponentOf, knownCurrencies } from "../../src/domain/currency.ts"
import { Currency, formatAmount, MINOR_UNITS_MAX, parseAmount } from "../../src/domain/money.ts"
import { fc } from "../property.ts"

const parsed = (text: string, currency: string) => Result.getOrThrow(parseAmount(text, currency))
const refusal = (text: string, currency: string) =>
  Result.getOrThrow(Result.flip(parseAmount(text, currency)))

const currencies = fc.constantFrom(...knownCurrencies)
const amounts = fc.bigInt({ min: 1n, max: MINOR_UNITS_MAX })

describe("reading an amount", () => {
  it.each([
    ["1200", "JPY", 1200n],
    ["1", "JPY", 1n],
    ["12.34", "EUR", 1234n],
    ["12.3", "EUR", 1230n],
    ["12", "EUR", 1200n],
    ["0.01", "EUR", 1n],
    ["12.345", "KWD", 12345n],
    ["0.001", "KWD", 1n],
    ["12.3456", "CLF", 123456n],
    ["0.0001", "CLF", 1n],
    ["9999999999999.99", "EUR", MINOR_UNITS_MAX],
    ["999999999999999", "JPY", MINOR_UNITS_MAX],
  ])("%s %s is %s minor units", (text, currency, minor) => {
    expect(parsed(text, currency)).toBe(minor)
  })

  it.each([
    ["12.345", "EUR", "EUR has 2 decimals, got 3"],
    ["12.340", "EUR", "EUR has 2 decimals, got 3"],
    ["1.0", "JPY", "JPY has 0 decimals, got 1"],
    ["1.2345", "KWD", "KWD has 3 decimals, got 4"],
    ["0", "EUR", "expected more than zero"],
    ["0.00", "EUR", "expected more than zero"],
    ["10000000000000.00", "EUR", "above the limit of 9999999999999.99"],
    ["1000000000000000", "JPY", "above the limit of 999999999999999"],
    ["12.34", "XAU", "XAU is not a payable ISO 4217 currency"],
    ["12.34", "eur", "eur is not a payable ISO 4217 currency"],
  ])("refuses %s %s: %s", (text, currency, reason) => {
    expect(refusal(text, currency)).toBe(reason)
  })

  it.each([
    ["", "nothing"],
    ["-1", "a sign"],
    ["+1", "a sign"],
    ["1e3", "an exponent"],
    ["1,000.00", "thousands separators"],
    ["1 000", "a space"],
    [" 1", "white space"],
    ["1\n", "a line break"],
    ["01.00", "leading zeros"],
    ["00", "leading zeros"],
    [".50", "no whole part"],
    ["1.", "a point and nothing after it"],
    ["1.2.3", "two points"],
    ["0x10", "hexadecimal"],
    ["Infinity", "words"],
    ["١٢", "digits of another script"],
    ["1".repeat(25), "more characters than any amount has"],
    ["1".repeat(1_000_000), "a megabyte of digits"],
  ])("refuses a text that is not a plain decimal (case %#: %s)", (text) => {
    expect(refusal(text, "EUR")).toBe('expected a plain decimal such as "12.05"')
  })

  it("suggests an example with the currency's own decimals", () => {
    expect(refusal("x", "JPY")).toContain('"1200"')
    expect(refusal("x", "KWD")).toContain('"12.005"')
    expect(refusal("x", "CLF")).toContain('"12.0005"')
  })
})

describe("printing an amount", () => {
  it.each([
    [1200n, "JPY", "1200"],
    [0n, "JPY", "0"],
    [1234n, "EUR", "12.34"],
    [5n, "EUR", "0.05"],
    [0n, "EUR", "0.00"],
    [-5n, "EUR", "-0.05"],
    [-1234n, "EUR", "-12.34"],
    [5n, "KWD", "0.005"],
    [5n, "CLF", "0.0005"],
  ])("%s minor units of %s are %s", (minor, currency, text) => {
    expect(formatAmount(minor, currency)).toBe(text)
  })

  it("throws for what is not a payable currency: it was checked before", () => {
    expect(() => formatAmount(1n, "XXX")).toThrow("XXX is not a payable ISO 4217 currency")
  })
})

describe("an amount", () => {
  it("that is printed and read again is the same, in every currency", () => {
    fc.assert(
      fc.property(amounts, currencies, (minor, currency) => {
        expect(parsed(formatAmount(minor, currency), currency)).toBe(minor)
      }),
      { numRuns: 2_000 },
    )
  })

  it("is printed with exactly the currency's decimals", () => {
    fc.assert(
      fc.property(amounts, currencies, (minor, currency) => {
        const [, decimals = ""] = formatAmount(minor, currency).split(".")
        expect(decimals.length).toBe(exponentOf(currency))
      }),
    )
  })

  it("of any text is read as it would be printed, or refused", () => {
    const nearly = fc.stringMatching(/^[0-9.,eE+ -]{0,12}$/)
    fc.assert(
      fc.property(nearly, currencies, (text, currency) => {
        const result = parseAmount(text, currency)
        if (Result.isFailure(result)) return
        const [whole, decimals = ""] = text.split(".")
        const padded = decimals.padEnd(exponentOf(currency) ?? 0, "0")
        expect(formatAmount(result.success, currency)).toBe(padded === "" ? whole : `${whole}.${padded}`)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("a currency", () => {
  it("is one that money can be paid in", () => {
    const isCurrency = Schema.is(Currency)
    expect(knownCurrencies.every(isCurrency)).toBe(true)
    expect(["XTS", "XAU", "eur", "", "EURO"].some(isCurrency)).toBe(false)
  })
})
