import { describe, expect, it } from "vitest"
import { pipelineCompareLines, pipelineCompareReport } from "../../bench/pipeline/compare-report.ts"
import { layoutOf } from "../../bench/pipeline/layout.ts"
import { costsOf, pipelineLines, pipelineReport } from "../../bench/pipeline/report.ts"
import type { Round } from "../../bench/pipeline/round.ts"

const counters = {
  redisCommands: 200,
  redisFunctionCalls: 20,
  redisNetBytes: 1_000,
  redisAofBytes: 500,
  postgresWalBytes: 4_000,
  postgresWalSyncs: 10,
  postgresCommits: 30,
  natsMessages: 104,
  natsBytes: 9_000,
}

/** 100 payouts in `completeMs`, with this many milliseconds of processor time by part. */
const round = (completeMs: number, ms: Readonly<Record<string, number>>): Round => ({
  payouts: 100,
  settledMs: completeMs - 50,
  completeMs,
  acceptedAvgMs: 12,
  seconds: Object.fromEntries(Object.entries(ms).map(([part, spent]) => [part, spent / 1_000])),
  counters,
  repeated: 0,
})

const service = (factor: number) =>
  round(1_000 * factor, { worker: 100 * factor, redis: 20 * factor, sandbox: 80, receiver: 10, client: 3 })
const floor = (factor: number) =>
  round(500 * factor, { floor: 50 * factor, redis: 10 * factor, sandbox: 90, client: 2 })

describe("the report of the pipeline", () => {
  it("adds up what is not outside", () => {
    expect(costsOf(service(1))).toEqual({
      whole: 1_200,
      worker: 1_000,
      redis: 200,
      sandbox: 800,
      receiver: 100,
      client: 30,
    })
  })

  // The second pair met a machine that was twice as busy: each ratio is that of a pair, so it stays.
  const measured = {
    pairs: [
      { floor: floor(1), service: service(1) },
      { floor: floor(2), service: service(2) },
      { floor: floor(1), service: service(1) },
    ],
    layout: "roles",
    batches: 2,
    itemsPerBatch: 50,
    open: 200,
    loadAverages: [1, 2] as const,
  }

  it("takes the ratio of the rounds of a pair", () => {
    const report = pipelineReport(measured)
    expect(report.ratio).toEqual({ processorTime: 2, payoutsPerSecond: 0.5 })
    expect(report.service).toMatchObject({ costUs: { whole: 1_200 }, payoutsPerSecond: 100, settledMs: 950 })
    expect(report.service.perPayout).toMatchObject({ redisCommands: 2, postgresWalSyncs: 0.1 })
  })

  it("shows both sides, and whether the goals are reached", () => {
    const lines = pipelineLines(pipelineReport(measured)).join("\n")
    expect(lines).toMatch(/^whole +1200 +600$/m)
    expect(lines).toMatch(/^worker +1000 +–$/m)
    expect(lines).toContain("processor time by the floor's: 2, at most 2.5: reached")
    expect(lines).toContain("payouts per second by the floor's: 0.5, at least 0.4: reached")
  })

  it("says when the goals are missed", () => {
    const slow = round(2_000, { worker: 200, redis: 20 })
    const lines = pipelineLines(
      pipelineReport({ ...measured, pairs: [{ floor: floor(1), service: slow }] }),
    ).join("\n")
    expect(lines).toContain("processor time by the floor's: 3.67, at most 2.5: missed")
    expect(lines).toContain("payouts per second by the floor's: 0.25, at least 0.4: missed")
  })
})

describe("the comparison of two checkouts through the whole", () => {
  const report = pipelineCompareReport(
    [
      { old: service(1), new: service(0.25) },
      { old: service(2), new: service(1) },
      { old: service(1), new: service(0.5) },
    ],
    [1, 2],
  )

  it("has the ratio by role, with its range", () => {
    expect(report.parts.worker).toEqual({ old: 1_000, new: 500, ratio: 0.5, ratioMin: 0.25, ratioMax: 0.5 })
    expect(report.payoutsPerSecond).toMatchObject({ ratio: 2, ratioMin: 2, ratioMax: 4 })
    expect(pipelineCompareLines(report).join("\n")).toMatch(/^worker +1000 +500 +0.5 +0.25 +0.5$/m)
  })

  it("leaves out a role that only one of them has", () => {
    const renamed = round(1_000, { follower: 100, redis: 10 })
    expect(Object.keys(pipelineCompareReport([{ old: service(1), new: renamed }], [1, 2]).parts)).toEqual([
      "whole",
      "redis",
    ])
  })
})

describe("a layout", () => {
  it("is a process for each role, or one for all", () => {
    expect(layoutOf("roles").map(({ roles }) => roles)).toEqual([
      "api",
      "worker",
      "projector",
      "publisher",
      "webhooks",
    ])
    expect(layoutOf("one")).toEqual([{ name: "all", roles: "api,worker,projector,publisher,webhooks" }])
  })

  it("can be any processes of which one is the API", () => {
    expect(layoutOf("api/worker/worker/projector+publisher")).toEqual([
      { name: "api", roles: "api" },
      { name: "worker", roles: "worker" },
      { name: "worker", roles: "worker" },
      { name: "projector+publisher", roles: "projector,publisher" },
    ])
    expect(() => layoutOf("worker/projector")).toThrow("exactly one process has the role api")
    expect(() => layoutOf("api/api+worker")).toThrow("exactly one process has the role api")
  })
})
