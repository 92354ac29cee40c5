import { describe, expect, it } from "vitest"
import { jsonReport, reportLines } from "../../bench/engine/report.ts"

const run = (payoutsPerSecond: number) => ({
  payouts: 1_000,
  payoutsPerSecond,
  batchP50Ms: 10,
  batchP99Ms: 20,
  cpuSeconds: 1,
  redisCommands: 2_000,
  redisBytes: 3_000,
})

const measured = {
  runs: {
    atlaspay: [run(35_000)],
    restate: [run(10_000)],
    bullmq: [run(8_000)],
    dbos: [run(1_400)],
    graphile: [run(2_000)],
    effect: [run(500)],
  },
  floors: { floor: [{ payoutsPerSecond: 350_000 }], floorSingly: [{ payoutsPerSecond: 140_000 }] },
  loadAverages: [1, 2] as const,
}

describe("the report of the engines", () => {
  it("has the ratio to each peer", () => {
    expect(jsonReport(measured).ratio).toEqual({
      restate: 3.5,
      bullmq: 4.38,
      dbos: 25,
      graphile: 17.5,
      effect: 70,
    })
  })

  it("says which goals are reached, and has none for some peers", () => {
    const lines = reportLines(measured)
    expect(lines).toContain("3.5 × restate, to reach 3.5 ×: reached")
    expect(lines).toContain("4.38 × bullmq, to reach 5 ×: missed")
    expect(lines).toContain("70 × effect")
  })

  it("has the part of both floors", () => {
    expect(jsonReport(measured)).toMatchObject({
      floor: { payoutsPerSecond: 350_000, ratio: 10 },
      floorSingly: { payoutsPerSecond: 140_000, ratio: 4 },
    })
    expect(reportLines(measured)).toContain("10 % of the floor")
    expect(reportLines(measured)).toContain("25 % of the floor of single entries, to reach 30 %: missed")
  })
})
