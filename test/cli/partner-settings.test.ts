import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { withChanges } from "../../src/cli/partner-settings.ts"
import { minorAmounts, PartnerSettings } from "../../src/domain/partner-settings.ts"

const read = Schema.decodeUnknownResult(PartnerSettings, { onExcessProperty: "error" })

describe("settings of a partner", () => {
  it("may have all of them, none, or no threshold at all", () => {
    const all = {
      approvalAbove: { EUR: "100000.00", JPY: "15000000" },
      modes: ["strict", "partial"],
      currencies: ["EUR", "JPY"],
      schemes: ["sepa", "cross-border"],
      itemMax: { EUR: "1.00" },
      batchMax: { EUR: "2.00" },
      dayMax: { EUR: "3.00" },
      backlogMax: 5,
      duplicates: "refuse:30:reference",
    }
    for (const settings of [all, {}, { approvalAbove: {} }, { duplicates: "off" }])
      expect(Result.getOrThrow(read(settings))).toEqual(settings)
    expect(minorAmounts(all.approvalAbove)).toEqual({ EUR: 10_000_000n, JPY: 15_000_000n })
  })

  it.each([
    ["a currency that there is not", { currencies: ["EUX"] }],
    ["no currency", { currencies: [] }],
    ["a currency twice", { currencies: ["EUR", "EUR"] }],
    ["a scheme that there is not", { schemes: ["wire"] }],
    ["a mode that there is not", { modes: ["lenient"] }],
    ["more decimals than the currency has", { itemMax: { JPY: "1.0" } }],
    ["zero", { dayMax: { EUR: "0.00" } }],
    ["a limit without an amount", { batchMax: {} }],
    ["a number for an amount", { batchMax: { EUR: 5 } }],
    ["no open batch", { backlogMax: 0 }],
    ["a policy that there is not", { duplicates: "refuse" }],
    ["a setting that there is not", { weekMax: { EUR: "1.00" } }],
  ])("cannot have %s", (_, settings) => {
    expect(Result.isFailure(read(settings))).toBe(true)
  })
})

describe("flags of the command line", () => {
  it("change what they name, and take back what is to be as the service says", () => {
    const stored: PartnerSettings = { itemMax: { EUR: "1.00" }, modes: ["strict"], backlogMax: 5 }
    const asked = { itemMax: "default", approvalAbove: "none", dayMax: "EUR=5.00, JPY=7", backlogMax: "9" }
    expect(Result.getOrThrow(withChanges(stored, asked))).toEqual({
      modes: ["strict"],
      approvalAbove: {},
      dayMax: { EUR: "5.00", JPY: "7" },
      backlogMax: 9,
    })
    expect(Result.getOrThrow(withChanges({}, { currencies: "EUR, GBP", duplicates: "off" }))).toEqual({
      currencies: ["EUR", "GBP"],
      duplicates: "off",
    })
  })

  it.each([
    { dayMax: "EUR" },
    { dayMax: "5.00" },
    { dayMax: "EUR=5.00,EUR=6.00" },
    { dayMax: "EUR=5=6.00" },
    { backlogMax: "many" },
    { modes: "" },
    { duplicates: "sometimes" },
  ])("are refused where they are no setting: %j", (asked) => {
    expect(Result.isFailure(withChanges({}, asked))).toBe(true)
  })
})
