import { describe, expect, it } from "vitest"
import { type Booked, explanationOf } from "../../src/providers/booked-amount.ts"

const eur = (minor: bigint) => ({ currency: "EUR", minor })
const usd = (minor: bigint) => ({ currency: "USD", minor })
const ordered = eur(10_000n)

const explained = (booked: Omit<Booked, "isReturn">, isReturn = false) =>
  explanationOf(ordered, { ...booked, isReturn })

describe("an amount that a bank booked for an order", () => {
  it("is explained by charges that are less than the order", () => {
    const amounts = (charge: bigint) => ({ instructed: [], charges: [eur(charge)] })
    expect(explained({ ...eur(19_999n), amounts: amounts(9_999n) })).toHaveLength(1)
    expect(explained({ ...eur(20_000n), amounts: amounts(10_000n) })).toBeUndefined()
    expect(explained({ ...eur(60_000n), amounts: amounts(50_000n) })).toBeUndefined()
  })

  it("is not the payment if it is the charge itself", () => {
    const half = { instructed: [ordered], charges: [eur(5_000n)] }
    expect(explained({ ...eur(5_000n), amounts: half })).toBeUndefined()
    expect(explained({ ...eur(5_000n), amounts: half }, true)).toBeUndefined()
    expect(
      explained({ ...usd(500n), amounts: { instructed: [ordered], charges: [usd(500n)] } }),
    ).toBeUndefined()
  })

  it("is a return less charges only if most of it came back, or the charges are listed", () => {
    const instructed = { instructed: [ordered], charges: [] }
    expect(explained({ ...eur(5_000n), amounts: instructed }, true)).toHaveLength(1)
    expect(explained({ ...eur(4_999n), amounts: instructed }, true)).toBeUndefined()
    expect(explained({ ...eur(50n), amounts: instructed }, true)).toBeUndefined()
    expect(
      explained({ ...eur(1_000n), amounts: { instructed: [], charges: [eur(9_000n)] } }, true),
    ).toHaveLength(1)
  })

  it("is explained by all charges, however many they are", () => {
    const charges = Array.from({ length: 12 }, () => eur(10n))
    expect(explained({ ...eur(10_120n), amounts: { instructed: [], charges } })).toHaveLength(1)
  })

  it("has as many remarks as a person reads, or the sums of its charges", () => {
    const charges = [...Array.from({ length: 10_000 }, () => eur(10n)), usd(5n)]
    expect(explained({ ...ordered, amounts: { instructed: [], charges } })).toEqual([
      { kind: "charge", remark: "1000.00 EUR" },
      { kind: "charge", remark: "0.05 USD" },
    ])
  })

  it.each([
    ["1.08", 10_800n, true],
    ["0.9259", 10_800n, true],
    ["108", 10_800n, false],
    ["1.08", 10_800n + 500n, true],
    ["1.08", 100n, false],
    ["1.08", 1_080_000_000n, false],
    ["0", 10_800n, false],
    ["0.0", 1n, false],
    ["9999999", 10_800n, false],
  ])("is exchanged at the rate that the bank names: %s for %s cents, %s", (rate, minor, isRight) => {
    const amounts = { instructed: [ordered], charges: [], rate }
    expect(explained({ ...usd(minor), amounts }) !== undefined).toBe(isRight)
  })

  it("is exchanged without a rate, or with charges that are listed", () => {
    expect(explained({ ...usd(10_800n), amounts: { instructed: [ordered], charges: [] } })).toHaveLength(1)
    const charged = { instructed: [ordered], charges: [usd(4_000n)], rate: "1.08" }
    expect(explained({ ...usd(14_800n), amounts: charged })).toHaveLength(2)
  })
})
