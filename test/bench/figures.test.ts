import { describe, expect, it } from "vitest"
import { differenceOf, failuresOf, figuresOf, ratioOf } from "../../bench/figures.ts"
import type { Answers } from "../../bench/load.ts"

const answers = (latenciesMs: ReadonlyArray<number>, seconds = 1, failures = {}): Answers => ({
  latenciesMs,
  seconds,
  failures,
})

describe("the figures of a side", () => {
  it("take its rounds as one: a long round weighs more than a short one", () => {
    expect(figuresOf([answers([10, 20, 30], 2), answers([100], 0.5)])).toEqual({
      avgMs: 40,
      p99Ms: 100,
      rps: 1.6,
      requests: 4,
    })
  })

  it("have the 99th percentile by nearest rank, whatever the order of the answers", () => {
    const oneToHundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(figuresOf([answers(oneToHundred)]).p99Ms).toBe(99)
    expect(figuresOf([answers([...oneToHundred, 1_000])]).p99Ms).toBe(100)
    expect(figuresOf([answers([7])]).p99Ms).toBe(7)
  })

  it("have no times when nothing was answered", () => {
    expect(figuresOf([answers([], 10)])).toEqual({
      avgMs: undefined,
      p99Ms: undefined,
      rps: 0,
      requests: 0,
    })
  })
})

describe("the ratio", () => {
  it("is that of the averages", () => {
    expect(ratioOf(figuresOf([answers([50])]), figuresOf([answers([30])]))).toBe(1.67)
  })

  it("is not made up when a side has no answers", () => {
    const none = figuresOf([answers([])])
    const some = figuresOf([answers([50])])
    expect([ratioOf(none, some), ratioOf(some, none)]).toEqual([undefined, undefined])
  })
})

describe("failures", () => {
  it("are added up by kind", () => {
    const loads = [answers([], 1, { 503: 2, connection: 1 }), answers([1]), answers([], 1, { 503: 3 })]
    expect(failuresOf(loads)).toEqual({ 503: 5, connection: 1 })
  })
})

describe("the difference of two readings", () => {
  it("has each field of the second less that of the first, and all of what is new in it", () => {
    const later: Readonly<Record<string, number>> = { calls: 7, bytes: 5, syncs: 3 }
    expect(differenceOf({ calls: 2, bytes: 5 }, later)).toEqual({ calls: 5, bytes: 0, syncs: 3 })
  })
})
