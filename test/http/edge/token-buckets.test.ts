/** The limits of acts by the process's clock, which can be set back. */
import { expect, it } from "vitest"
import { TokenBuckets } from "../../../src/http/edge/token-buckets.ts"

const HOUR_MS = 3_600_000

it("an owner that has used up its tokens gets others by the rate", () => {
  const buckets = new TokenBuckets(10, 2)
  const at = 1_000_000
  expect([buckets.take("a", at), buckets.take("a", at), buckets.take("a", at)]).toEqual([0, 0, 1])
  expect(buckets.take("b", at)).toBe(0)
  expect([buckets.take("a", at + 99), buckets.take("a", at + 100)]).toEqual([1, 0])
})

it("an owner is not refused for as long as the clock was set back, and gets no more than its rate", () => {
  const buckets = new TokenBuckets(10, 2)
  const before = 10 * HOUR_MS
  buckets.take("a", before)
  buckets.take("a", before)
  const after = before - HOUR_MS
  expect(buckets.take("a", after)).toBe(1)
  expect([buckets.take("a", after + 100), buckets.take("a", after + 100)]).toEqual([0, 1])
})
