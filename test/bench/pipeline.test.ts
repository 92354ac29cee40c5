/** A few payouts through the whole benchmark: its own servers, sandbox, service and floor, each in its own process. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import type { PipelineReport } from "../../bench/pipeline/report.ts"

const program = fileURLToPath(new URL("../../bench/pipeline.ts", import.meta.url))
const RUN_MS_MAX = 240_000

const runWith = async (...args: ReadonlyArray<string>): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "atlaspay-bench-pipeline-"))
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

it("pays through the service and its floor, and counts every payout everywhere", {
  timeout: RUN_MS_MAX,
}, async () => {
  const report = JSON.parse(await runWith("--payouts", "100", "--rounds", "1")) as PipelineReport
  expect(report).toMatchObject({ batches: 2, itemsPerBatch: 50, rounds: 1 })
  // 50 payouts, an acceptance and an end for each batch; the floor has no acceptance.
  expect(report.service.perPayout.natsMessages).toBe(1.04)
  expect(report.floor.perPayout.natsMessages).toBe(1.02)
  const parts = ["whole", "api", "worker", "projector", "publisher", "webhooks", "redis", "postgres", "nats"]
  expect(Object.keys(report.service.costUs)).toEqual([...parts, "sandbox", "receiver", "client"])
  expect(report.service.costUs.worker).toBeGreaterThan(0)
  expect(report.ratio.processorTime).toBeGreaterThan(0)
})
