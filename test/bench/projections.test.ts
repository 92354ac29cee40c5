/** A few batches through the whole benchmark of the read models: engine, projector, rebuild, bare COPY and verify. */
import { expect, it } from "vitest"
import type { ProjectionsReport } from "../../bench/projections/report.ts"
import { reportOf } from "./benchmark-run.ts"

it("shows what the engine wrote, and rebuilds all of it", { timeout: 300_000 }, async () => {
  const report = (await reportOf("projections", "--batches", "20", "--events", "3000")) as ProjectionsReport
  expect(report.projector.events).toBeGreaterThan(0)
  expect(report.rebuild.events).toBeGreaterThanOrEqual(3_000)
  expect(report.rebuild.rows).toBeGreaterThan(report.rebuild.events / 2)
  expect(report.verify.events).toBe(report.rebuild.events)
  expect(report.ratio.projectorByEngine).toBeGreaterThan(0)
  expect(report.ratio.rebuildByCopy).toBeGreaterThan(0)
})
