/** What banks that are called can be sent, by the published rules of the schemes or by their settings. */
import { Effect, Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { type Beneficiary, visibleBeneficiaryOf } from "../../../src/domain/beneficiary.ts"
import { limitProblems } from "../../../src/providers/banks/bank-limits.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { LimitSettings, limitsInAnyScript } from "../../../src/providers/banks/scheme-limits.ts"
import { synchronous } from "../../../src/providers/banks/synchronous/synchronous.ts"
import { bankSettings } from "./bank-contract.ts"

const at = Date.parse("2026-11-27T12:00:00Z")
const accounts = {
  EUR: { scheme: "iban", iban: "DE89370400440532013000" },
  GBP: { scheme: "sort-code", sortCode: "200000", accountNumber: "55779911" },
  USD: {
    scheme: "aba",
    routingNumber: "021000021",
    accountNumber: "123456789",
    accountType: "checking",
  },
  JPY: { scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" },
} as const satisfies Readonly<Record<string, Beneficiary["account"]>>

const problemsOf = (
  currency: keyof typeof accounts,
  { name = "Ada", remittance = "inv 1", minor = 100n, settings = {} as LimitSettings },
) => {
  const beneficiary = visibleBeneficiaryOf({ name, account: accounts[currency] })
  return limitProblems(limitsInAnyScript(settings), { beneficiary, currency, minor, remittance }, at).map(
    ({ path, code }) => `${path.join(".")} ${code}`,
  )
}

describe("a bank that is called", () => {
  it.each([
    ["EUR", 70, 140, 99_999_999_999n],
    ["GBP", 40, 18, 100_000_000n],
    ["USD", 22, 80, 9_999_999_999n],
    ["JPY", 140, 140, undefined],
  ] as const)(
    "takes in %s a name of %i and a reference of %i characters, in any script",
    (currency, name, remittance, max) => {
      expect(problemsOf(currency, { name: "𠮷".repeat(name), remittance: "Ж".repeat(remittance) })).toEqual(
        [],
      )
      expect(problemsOf(currency, { name: "x".repeat(name + 1) })).toEqual(["beneficiary.name RR10"])
      expect(problemsOf(currency, { remittance: "x".repeat(remittance + 1) })).toEqual(["remittance RR10"])
      if (max === undefined) return
      expect(problemsOf(currency, { minor: max })).toEqual([])
      expect(problemsOf(currency, { minor: max + 1n })).toEqual(["amount.value AM02"])
    },
  )

  it("takes what its settings say", () => {
    const settings = { ach: { name: 35, minorAtMost: "500" } }
    expect(problemsOf("USD", { name: "x".repeat(35), minor: 500n, settings })).toEqual([])
    expect(problemsOf("USD", { name: "x".repeat(36), minor: 501n, settings })).toEqual([
      "beneficiary.name RR10",
      "amount.value AM02",
    ])
    expect(problemsOf("GBP", { remittance: "x".repeat(19), settings })).toEqual(["remittance RR10"])
  })

  it.each([instant, synchronous])("declares it, whichever its kind", async (kind) => {
    const own = { url: "http://127.0.0.1:9", limits: { "faster-payments": { remittance: 35 } } }
    const limits = await Effect.runPromise(kind.limits(bankSettings("north", kind.name, own)))
    expect(limits?.ach).toEqual({
      characters: "any",
      nameLengthMax: 22,
      remittanceLengthMax: 80,
      minorMax: 9_999_999_999n,
    })
    expect(limits?.["faster-payments"]?.remittanceLengthMax).toBe(35)
  })

  it.each([
    { ach: { name: 0 } },
    { ach: { name: 141 } },
    { ach: { minorAtMost: "0" } },
    { sepa: { remittance: 1.5 } },
  ])("has no such limits: %j", (limits) => {
    expect(Result.isFailure(Schema.decodeUnknownResult(LimitSettings)(limits))).toBe(true)
  })
})
