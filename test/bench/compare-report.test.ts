import { describe, expect, it } from "vitest"
import { type Cost, compareLines, compareReport, orderOf } from "../../bench/compare-report.ts"

const cost = (engineUs: number, serversUs: number): Cost => ({
  engineUs,
  serversUs,
  togetherUs: engineUs + serversUs,
})

describe("the comparison of two checkouts", () => {
  it("lets each side begin every other pair", () => {
    expect([0, 1, 2, 3].map((pair) => orderOf(pair)[0])).toEqual(["old", "new", "old", "new"])
    for (const pair of [0, 1]) expect(new Set(orderOf(pair))).toEqual(new Set(["old", "new"]))
  })

  const pairs = [
    { old: cost(30, 10), new: cost(31, 10) },
    // The machine was busy: both sides cost twice as much, and the ratio stays.
    { old: cost(60, 20), new: cost(62, 20) },
    { old: cost(30, 10), new: cost(38, 10) },
  ]

  it("takes the ratio of runs that stood beside each other", () => {
    expect(compareReport(pairs, [1, 2])).toEqual({
      old: cost(30, 10),
      new: { engineUs: 38, serversUs: 10, togetherUs: 48 },
      ratio: 1.025,
      ratioMin: 1.025,
      ratioMax: 1.2,
      pairs: 3,
      loadAverages: [1, 2],
    })
  })

  it("tells people the same", () => {
    const lines = compareLines(compareReport(pairs, [1, 2])).join("\n")
    expect(lines).toMatch(/^old +30 +10 +40$/m)
    expect(lines).toContain("new by old: 1.025, from 1.025 to 1.2 over 3 pairs")
  })
})
