/** A few batches through the whole benchmark of events: its own servers, engine, receiver, and parts in processes of their own. */
import { expect, it } from "vitest"
import type { EventsReport } from "../../bench/events/report.ts"
import { reportOf } from "./benchmark-run.ts"

const RUN_MS_MAX = 300_000

it("sends every event through every part, and measures each", { timeout: RUN_MS_MAX }, async () => {
  const args = ["--batches", "90", "--endpoints", "10", "--rate", "100", "--seconds", "2"]
  const report = (await reportOf("events", ...args)) as EventsReport
  expect(report.logEventsPerEvent).toBeGreaterThan(1)
  expect(report.engine.eventsPerSecond).toBeGreaterThan(0)
  const servers = ["redis", "postgres", "nats", "receiver"]
  const parts = Object.entries(report.runs).map(([name, { eventsPerSecond, costUs }]) => {
    expect(eventsPerSecond, name).toBeGreaterThan(0)
    expect(costUs.whole, name).toBeGreaterThan(0)
    return [name, Object.keys(costUs).filter((part) => part !== "whole" && !servers.includes(part))]
  })
  expect(Object.fromEntries(parts)).toEqual({
    relay: ["relay"],
    projector: ["projector"],
    "relay and projector in one": ["followers"],
    inbox: ["inbox"],
    dispatcher: ["dispatcher"],
    "all, each its own": ["relay", "projector", "webhooks"],
    "all in one": ["all in one"],
  })
  // Of twenty events to each of five quick endpoints, the first quarter warms up.
  expect(report.hanging.allQuick.webhooks).toBe(75)
  expect(report.hanging.halfHang.webhooks).toBe(75)
})
