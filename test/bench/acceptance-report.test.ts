import { describe, expect, it } from "vitest"
import type { Acceptance } from "../../bench/acceptance.ts"
import { jsonReport, problemsOf, reportLines } from "../../bench/acceptance-report.ts"

const options = { seconds: 10, connections: 200 }

const measured: Acceptance = {
  accept: { avgMs: 120.5, p99Ms: 300.1, rps: 1_600.2, requests: 16_002 },
  floor: { avgMs: 60.2, p99Ms: 150, rps: 3_300, requests: 33_000 },
  ratio: 2,
  burst: {
    accept: { avgMs: 200, p99Ms: 390, rps: 500, requests: 200 },
    settling: { accepted: 200, settled: 200, avgMs: 4_321 },
  },
  backlog: { settling: { accepted: 16_002, settled: 12, avgMs: undefined }, waitedMs: 30_049 },
  failures: {},
  loadAverages: [0.5, 3.25],
}

describe("the report", () => {
  it("has the keys of a script's contract, and null for what could not be measured", () => {
    const json = JSON.parse(JSON.stringify(jsonReport(measured, options)))
    expect(json).toMatchObject({
      accept: { avgMs: 120.5, p99Ms: 300.1, rps: 1_600.2 },
      floor: { avgMs: 60.2, p99Ms: 150, rps: 3_300 },
      ratio: 2,
      settledAvgMs: 4_321,
      backlog: { accepted: 16_002, settled: 12, settledAvgMs: null, waitedMs: 30_049 },
    })
    const nothing = { avgMs: undefined, p99Ms: undefined, rps: 0, requests: 0 }
    const unmeasured = { ...measured, accept: nothing, ratio: undefined }
    expect(JSON.parse(JSON.stringify(jsonReport(unmeasured, options)))).toMatchObject({
      accept: { avgMs: null, p99Ms: null, rps: 0 },
      ratio: null,
    })
  })

  it("says whether the target of the original design is met", () => {
    const verdict = (avgMs: number | undefined) =>
      reportLines({ ...measured, accept: { ...measured.accept, avgMs } }, options).find((line) =>
        line.startsWith("target"),
      )
    expect(verdict(499.9)).toBe("target: under 500 ms on average: met")
    expect(verdict(500)).toBe("target: under 500 ms on average: missed")
    expect(verdict(undefined)).toBe("target: under 500 ms on average: missed")
  })

  it("says how much of the backlog had settled, and how busy the machine was", () => {
    const text = reportLines(measured, options).join("\n")
    expect(text).toContain("12 of 16002 settled after 30 s more")
    expect(text).toContain("200 of 200 settled")
    expect(text).toContain("0.5 before, 3.3 after")
  })
})

describe("a measurement is not to be trusted", () => {
  it("unless every request was accepted", () => {
    expect(problemsOf(measured)).toEqual([])
    expect(problemsOf({ ...measured, failures: { 503: 12, connection: 3 } })).toEqual([
      "12 requests failed: status 503",
      "3 requests failed: no answer, or none in time",
    ])
  })

  it("when a side answered nothing", () => {
    const nothing = { avgMs: undefined, p99Ms: undefined, rps: 0, requests: 0 }
    expect(problemsOf({ ...measured, accept: nothing, floor: nothing })).toHaveLength(2)
  })

  it("when batches that were posted at once are not settled in time", () => {
    const settling = { accepted: 200, settled: 199, avgMs: 4_321 }
    expect(problemsOf({ ...measured, burst: { ...measured.burst, settling } })).toEqual([
      "of the batches posted at once, only 199 of 200 settled",
    ])
  })
})
