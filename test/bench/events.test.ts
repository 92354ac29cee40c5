/**
 * A few batches through the benchmark of events: its own servers, engine, receiver, and parts in processes of their own. In full it measures each
 * part; the short form has one run with all of them, and its report is made of recorded figures.
 */
import { describe, expect, it } from "vitest"
import { type EventsMeasured, type Run, runs } from "../../bench/events/measure.ts"
import { type EventsReport, eventsLines, eventsReport } from "../../bench/events/report.ts"
import { isLong } from "../length.ts"
import { reportOf } from "./benchmark-run.ts"

/** On a machine that is busy with other things five minutes were not enough. */
const RUN_MS_MAX = 900_000
const SERVERS = ["redis", "postgres", "nats", "receiver"]

const partsOf = (report: EventsReport) =>
  Object.fromEntries(
    Object.entries(report.runs).map(([name, { eventsPerSecond, costUs }]) => {
      expect(eventsPerSecond, name).toBeGreaterThan(0)
      expect(costUs.whole, name).toBeGreaterThan(0)
      return [name, Object.keys(costUs).filter((part) => part !== "whole" && !SERVERS.includes(part))]
    }),
  )

const parts = {
  relay: ["relay"],
  projector: ["projector"],
  "relay and projector in one": ["followers"],
  inbox: ["inbox"],
  dispatcher: ["dispatcher"],
  "all, each its own": ["relay", "projector", "webhooks"],
  "all in one": ["all in one"],
}

it.runIf(isLong)(
  "sends every event through every part, and measures each",
  async () => {
    const args = ["--batches", "90", "--endpoints", "10", "--rate", "100", "--seconds", "2"]
    const report = (await reportOf("events", ...args)) as EventsReport
    expect(report.logEventsPerEvent).toBeGreaterThan(0)
    expect(report.engine.eventsPerSecond).toBeGreaterThan(0)
    expect(partsOf(report)).toEqual(parts)
    // Of twenty events to each of five quick endpoints, the first quarter warms up.
    expect(report.hanging.allQuick.webhooks).toBe(75)
    expect(report.hanging.halfHang.webhooks).toBe(75)
  },
  RUN_MS_MAX,
)

it(
  "sends every event of a few batches through all parts in one",
  async () => {
    const few = ["--batches", "4", "--endpoints", "2", "--rate", "20", "--seconds", "1"]
    const report = (await reportOf("events", ...few, "--only", "all in one")) as EventsReport
    expect(report.logEventsPerEvent).toBeGreaterThan(0)
    expect(report.engine.eventsPerSecond).toBeGreaterThan(0)
    expect(partsOf(report)).toEqual({ "all in one": parts["all in one"] })
    // Of ten events to the one quick endpoint, the first quarter warms up.
    expect(report.hanging.allQuick.webhooks).toBe(8)
    expect(report.hanging.halfHang.webhooks).toBe(8)
  },
  RUN_MS_MAX,
)

describe("the report of events", () => {
  const servers = { redis: 0.1, postgres: 0.2, nats: 0.3, receiver: 5 }
  const run = (events: number, cpu: Readonly<Record<string, number>>): Run => ({
    events,
    seconds: 2,
    cpu: { ...cpu, ...servers },
  })
  const latencies = { webhooks: 75, p50Ms: 3, p99Ms: 900 }
  const measured: EventsMeasured = {
    written: { payouts: 500, seconds: 1, events: 4_000, eventsInAll: 5_000, cpuSeconds: 0.5 },
    logEventsPerEvent: 4,
    runs: {
      relay: run(3_000, { relay: 0.3 }),
      projector: run(2_000, { projector: 0.2 }),
      "relay and projector in one": run(2_000, { followers: 0.3 }),
      inbox: run(1_000, { inbox: 0.1 }),
      dispatcher: run(1_900, { dispatcher: 0.4 }),
      "all, each its own": run(800, { relay: 0.1, projector: 0.1, webhooks: 0.2 }),
      "all in one": run(600, { "all in one": 0.3 }),
    },
    hanging: {
      endpoints: 10,
      eventsPerSecond: 100,
      seconds: 2,
      allQuick: latencies,
      halfHang: { ...latencies, p99Ms: 1_000 },
    },
    loadAverages: [0.1, 0.2],
  }

  it("has each part with what it costs, without the receiver", () => {
    const report = eventsReport(measured)
    expect(partsOf(report)).toEqual(parts)
    expect(Object.keys(report.runs)).toEqual(Object.keys(runs))
    expect(report.engine).toEqual({
      payoutsPerSecond: 500,
      logEventsPerSecond: 4_000,
      eventsPerSecond: 1_000,
      costUs: 500,
    })
    expect(report.runs.relay).toEqual({
      eventsPerSecond: 1_500,
      costUs: { whole: 300, relay: 100, redis: 33.3, postgres: 66.7, nats: 100, receiver: 1_666.7 },
    })
    expect(report.ratio).toEqual({ relayByEngine: 1.5, oneByTwo: 0.75 })
    expect(report.deliveriesPerSecond).toBe(950)
    const lines = eventsLines(report).join("\n")
    expect(lines).toContain("relay by the engine, events per second: 1.5, at least 1: reached")
    expect(lines).toContain("deliveries per second of one process: 950, at least 1000: missed")
    expect(lines).toContain("1000 ms while the other half hangs, p99 under 1000 ms: missed")
  })

  it("says of what was left out that it was not measured", () => {
    const { runs, ...others } = measured
    const { "all in one": one } = runs
    const lines = eventsLines(
      eventsReport({ ...others, ...(one && { runs: { "all in one": one } }) } as EventsMeasured),
    )
    expect(lines.filter((line) => line.endsWith("not measured"))).toHaveLength(2)
  })
})
