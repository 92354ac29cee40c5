import { describe, expect, it } from "vitest"
import {
  countsOf,
  disagreements,
  type ItemOutcome,
  openOf,
  summaryTable,
  sumsOf,
} from "../../src/dev/summary.ts"
import { fc } from "../property.ts"

const resting = ["held", "parked", "rejected", "settled", "failed", "returned"] as const
const moving = ["received", "cleared", "transferring", "unknown", "pending"] as const

const outcomes = (states: ReadonlyArray<ItemOutcome["state"]>): fc.Arbitrary<ReadonlyArray<ItemOutcome>> =>
  fc.array(
    fc.record({
      item: fc.integer({ min: 1, max: 100_000 }),
      currency: fc.constantFrom("EUR", "JPY", "KWD"),
      minor: fc.bigInt({ min: 1n, max: 999_999_999_999_999n }),
      state: fc.constantFrom(...states),
    }),
  )

const total = (items: ReadonlyArray<ItemOutcome>, currency: string, except?: string): bigint =>
  items
    .filter((item) => item.currency === currency && item.state !== except)
    .reduce((sum, { minor }) => sum + minor, 0n)

/** Banks that did what the items say. */
const banksOf = (items: ReadonlyArray<ItemOutcome>) => ({
  currencies: sumsOf(items),
  byBank: new Map(),
  paidTwice: 0,
})

describe("the sums of a batch", () => {
  it("accepted = settled + failed + returned + held once everything is at rest", () => {
    fc.assert(
      fc.property(outcomes(resting), (items) => {
        for (const [currency, sums] of sumsOf(items)) {
          expect(sums.accepted).toBe(sums.settled + sums.failed + sums.returned + sums.held)
          expect(sums.accepted).toBe(total(items, currency, "rejected"))
          expect(sums.accepted + sums.rejected).toBe(total(items, currency))
        }
        expect(disagreements(items, sumsOf(items), banksOf(items))).toEqual([])
      }),
    )
  })

  it("what is on its way is missing from the sum, and is said", () => {
    fc.assert(
      fc.property(outcomes(moving), (items) => {
        for (const [currency, sums] of sumsOf(items)) expect(openOf(sums)).toBe(total(items, currency))
        const said = disagreements(items, sumsOf(items), banksOf(items))
        expect(said).toHaveLength(sumsOf(items).size)
      }),
    )
  })
})

const paid: ItemOutcome = { item: 1, currency: "EUR", minor: 1250n, state: "settled" }

describe("what does not agree is told", () => {
  it("a sum of the banks' that differs from ours", () => {
    const banks = banksOf([{ ...paid, minor: 1249n }])
    expect(disagreements([paid], sumsOf([paid]), banks)).toEqual([
      "EUR settled: we say 12.50, the banks' books say 12.49",
    ])
  })

  it("a payment in a currency that the batch does not hold", () => {
    const banks = banksOf([paid, { ...paid, currency: "JPY" }])
    expect(disagreements([paid], sumsOf([paid]), banks)).toEqual([
      "the banks moved JPY, which the batch does not hold",
    ])
  })

  it("an item that was submitted and is nowhere", () => {
    const lost: ItemOutcome = { item: 2, currency: "EUR", minor: 100n, state: "received" }
    expect(disagreements([paid, lost], sumsOf([paid]), banksOf([paid]))).toEqual([
      "EUR: 13.50 was submitted, 12.50 is accounted for",
    ])
  })

  it("an item that was paid twice", () => {
    const banks = { ...banksOf([paid]), paidTwice: 1 }
    expect(disagreements([paid], sumsOf([paid]), banks)).toEqual(["1 items were paid twice"])
  })
})

describe("the closing table", () => {
  it("has a row for each currency, with the banks' sums beside ours", () => {
    const items: ReadonlyArray<ItemOutcome> = [
      paid,
      { item: 2, currency: "EUR", minor: 300n, state: "returned" },
      { item: 3, currency: "JPY", minor: 5000n, state: "rejected" },
    ]
    const [header, euro, yen] = summaryTable(sumsOf(items), banksOf(items))
    expect(header?.trim().split(/\s{2,}/)).toHaveLength(8)
    expect(euro?.trim().split(/\s+/)).toEqual([
      "EUR",
      "15.50",
      "12.50",
      "0.00",
      "3.00",
      "0.00",
      "0.00",
      "12.50",
      "3.00",
    ])
    expect(yen?.trim().split(/\s+/)).toEqual(["JPY", "0", "0", "0", "0", "0", "5000", "0", "0"])
    expect(countsOf(items)).toEqual({ settled: 1, returned: 1, rejected: 1 })
  })
})
