import { expect, it } from "vitest"
import { DrainRate } from "../../../src/http/payout-batches/drain-rate.ts"

const observed = (...samples: ReadonlyArray<readonly [closed: number, atMs: number]>) => {
  const rate = new DrainRate()
  for (const [closed, atMs] of samples) rate.observe(closed, atMs)
  return rate
}

it("tells when a number of batches will be closed, at the rate at which batches were closed lately", () => {
  const rate = observed([100, 0], [110, 500], [120, 1_000])
  expect(rate.perSecond).toBe(20)
  expect(rate.secondsFor(100)).toBe(5)
  expect(rate.secondsFor(100, 1 / 4)).toBe(20)
})

it("looks at the last ten seconds only", () => {
  expect(observed([0, 0], [1_000, 1_000], [1_010, 11_000], [1_020, 12_000]).perSecond).toBe(10)
})

it("asks for a second at least, and for a minute at most, also while nothing is closed", () => {
  expect(observed([0, 0], [1_000, 1_000]).secondsFor(1)).toBe(1)
  expect(observed([5, 0], [5, 1_000]).secondsFor(1)).toBe(60)
  expect(observed().secondsFor(1)).toBe(60)
})

it("begins anew when the count shrank: it is another store's", () => {
  expect(observed([1_000, 0], [0, 1_000], [10, 2_000]).perSecond).toBe(10)
})
