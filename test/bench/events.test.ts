/** A few batches through the whole benchmark of events: its own servers, engine, receiver, and parts in processes of their own. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import type { EventsReport } from "../../bench/events/report.ts"

const program = fileURLToPath(new URL("../../bench/events.ts", import.meta.url))
const RUN_MS_MAX = 300_000

const runWith = async (...args: ReadonlyArray<string>): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "atlaspay-bench-events-"))
  try {
    const child = spawn(process.execPath, [program, "--data-dir", folder, "--json", ...args])
    const [stdout, stderr] = [child.stdout.toArray(), child.stderr.toArray()]
    const [code] = await once(child, "close")
    expect(code, (await stderr).join("")).toBe(0)
    return (await stdout).join("").trim().split("\n").at(-1) ?? ""
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

it("sends every event through every part, and measures each", { timeout: RUN_MS_MAX }, async () => {
  const args = ["--batches", "90", "--endpoints", "10", "--rate", "100", "--seconds", "2"]
  const report = JSON.parse(await runWith(...args)) as EventsReport
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
