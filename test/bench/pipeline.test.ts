/**
 * With `npm run test:recovery`, and beside the report on recorded figures (pipeline-report.test.ts): a few payouts through the whole
 * benchmark. It has its own servers, sandbox, service and floor, each in its own process.
 */
import { expect, it } from "vitest"
import type { PipelineReport } from "../../bench/pipeline/report.ts"
import { isLong } from "../length.ts"
import { reportOf } from "./benchmark-run.ts"

const RUN_MS_MAX = 240_000

it.runIf(isLong)(
  "pays through the service and its floor, and counts every payout everywhere",
  {
    timeout: RUN_MS_MAX,
  },
  async () => {
    const report = (await reportOf(
      "pipeline",
      "--payouts",
      "100",
      "--rounds",
      "1",
      "--warm-up",
      "100",
    )) as PipelineReport
    expect(report).toMatchObject({ batches: 2, itemsPerBatch: 50, rounds: 1 })
    // 50 payouts, an acceptance and an end for each batch; the floor has no acceptance.
    expect(report.service.perPayout.natsMessages).toBe(1.04)
    expect(report.floor.perPayout.natsMessages).toBe(1.02)
    const parts = [
      "whole",
      "api",
      "worker",
      "projector",
      "publisher",
      "webhooks",
      "redis",
      "postgres",
      "nats",
    ]
    expect(Object.keys(report.service.costUs)).toEqual([...parts, "sandbox", "receiver", "client"])
    expect(report.service.costUs.worker).toBeGreaterThan(0)
    expect(report.ratio.processorTime).toBeGreaterThan(0)
  },
)
