import { describe, expect, it } from "vitest"
import type { Cost } from "../../bench/engine/server-costs.ts"
import {
  growthOf,
  jsonReport,
  largeSpreadOf,
  loneRatioOf,
  problemsOf,
  reportLines,
  type Scale,
  spreadOf,
} from "../../bench/scale-report.ts"

const PAYOUTS = 1_000

/** A cost of so many microseconds per payout, a tenth of them in each server. */
const costOf = (micros: number, itemsPerBatch = 50, open = 1): Cost => ({
  itemsPerBatch,
  open,
  payouts: PAYOUTS,
  seconds: 1.234,
  engineCpuSeconds: (micros * PAYOUTS * 0.8) / 1e6,
  redisCpuSeconds: (micros * PAYOUTS * 0.1) / 1e6,
  postgresCpuSeconds: (micros * PAYOUTS * 0.1) / 1e6,
  commands: 2_500,
  functionCalls: 150,
  memoryBytes: 760_000,
  aofBytes: 900_000,
  logBytesPerPayout: 790.4,
  heapBytes: 150e6,
  rssBytes: 300e6,
  rssMaxBytes: 500e6,
})

const measured: Scale = {
  sizes: [costOf(200, 50, 200), costOf(100, 500), costOf(110, 5_000)],
  crowds: [costOf(500, 50, 1), costOf(100, 50, 10)],
  takeover: {
    items: 15_000,
    version: 30_517,
    noticedMs: 382,
    foldMs: 700,
    foldCpuMs: 300,
    actedMs: 720,
    closedMs: 4_000,
    paid: { owner: 7_500, heir: 7_372, asked: 128 },
  },
  largeBatch: {
    items: 100_000,
    bodyBytes: 20_820_926,
    status: 202,
    acceptedMs: 4_000,
    othersWaitedMs: 900,
    shownMs: 9_000,
    listed: 100_000,
  },
  loadAverages: [0.5, 3.25],
}

describe("the report", () => {
  it("compares the dearest shape with the cheapest, and larger shapes with smaller ones", () => {
    expect(spreadOf(measured.sizes)).toBe(2)
    expect(growthOf(measured.sizes)).toBe(1.1)
    expect(growthOf(measured.crowds)).toBe(0.2)
  })

  it("says what is wanted: batches from 500 items on cost the same, and a lone one at most twice as much as among 200", () => {
    expect(largeSpreadOf(measured)).toBe(1.1)
    expect(loneRatioOf(measured)).toBe(2.5)
    const wanted = (of: Scale) => reportLines(of).filter((line) => line.includes("; wanted"))
    expect(wanted(measured)).toEqual([
      "from 500 items on, dearest by cheapest: 1.1; wanted: at most 1.3: met",
      "a lone batch of 50 by one among 200: 2.5; wanted: at most 2: missed",
    ])
    const other: Scale = {
      ...measured,
      crowds: [costOf(400, 50, 1)],
      sizes: [costOf(200, 50, 200), costOf(1, 500)],
    }
    expect(wanted(other)[1]).toMatch(/2; wanted: at most 2: met$/)
    expect(loneRatioOf({ ...measured, crowds: [costOf(100, 50, 10)] })).toBeUndefined()
  })

  it("says what is flat and what is not", () => {
    const flat = { ...measured, crowds: [costOf(120, 50, 1), costOf(100, 50, 10)] }
    const verdicts = reportLines(flat).filter((line) => line.includes("flat within"))
    expect(verdicts.map((line) => line.includes("not flat"))).toEqual([true, false])
  })

  it("says whether a batch was taken over in time, counted from the end of the claim", () => {
    const verdict = (actedMs: number) =>
      reportLines({ ...measured, takeover: { ...measured.takeover, actedMs } }).find((line) =>
        line.startsWith("target"),
      )
    expect(verdict(1_000 - measured.takeover.noticedMs - 1)).toMatch(/met$/)
    expect(verdict(1_000 - measured.takeover.noticedMs)).toMatch(/missed$/)
  })

  it("has the keys of a script's contract, and figures for each payout", () => {
    expect(JSON.parse(JSON.stringify(jsonReport(measured)))).toMatchObject({
      sizes: [{ itemsPerBatch: 50, open: 200, togetherUs: 200, engineUs: 160, redisUs: 20 }, {}, {}],
      sizesRatio: 2,
      sizesGrowth: 1.1,
      open: [{ redisBytes: 760, logBytes: 790, aofBytes: 900, commands: 2.5, functionCalls: 0.15 }, {}],
      openRatio: 5,
      openGrowth: 0.2,
      largeRatio: 1.1,
      loneRatio: 2.5,
      takeover: { noticedMs: 382, foldMs: 700, actedMs: 720 },
      largeBatch: { status: 202, listed: 100_000 },
    })
  })

  it("does not trust a run in which an item was paid twice or not at all, or the large batch is not all there", () => {
    expect(problemsOf(measured)).toEqual([])
    const paid = { owner: 7_500, heir: 7_500, asked: 128 }
    const largeBatch = { ...measured.largeBatch, status: 413, listed: 0 }
    expect(problemsOf({ ...measured, takeover: { ...measured.takeover, paid }, largeBatch })).toHaveLength(3)
  })
})
