/** How long one lone payout takes: from its post to the event that it is settled, while nothing else is under way. */
import { loadavg } from "node:os"
import { Effect } from "effect"
import { batchBodies } from "../batch-bodies.ts"
import { percentile } from "../figures.ts"
import { openClient } from "./client.ts"
import { listen } from "./events.ts"
import { layoutOf } from "./layout.ts"
import { loadLine, rounded } from "./report.ts"
import { attempted, type Side, type Stand, startPipelineStand } from "./stand.ts"

export interface LoneOptions {
  readonly checkout: string
  readonly layout: string
  readonly samples: number
}

/** The banks pay at once, and report it at once. */
const SANDBOX_ARGUMENTS = ["--payment-delay-ms", "0"]
const WARM_UP = 100
const LONE_P50_MS_MAX = 50
const SETTLED_MS_MAX = 30_000
const BODIES = 18

/** Measures lone payouts of a service on its own stand, one after the other. */
export const measureLone = Effect.fn("measureLone")(function* (
  folder: string,
  { checkout, layout, samples }: LoneOptions,
  report: (line: string) => void,
) {
  const before = loadavg()[0] ?? Number.NaN
  const stand = yield* startPipelineStand(folder, SANDBOX_ARGUMENTS, report)
  const service = yield* stand.startService({ checkout, layout: layoutOf(layout) })
  report("warming up")
  yield* attempted(() => payOneByOne(stand, service, Math.min(samples, WARM_UP), "warm-up"))
  report(`${samples} payouts, one after the other`)
  const settledMs = yield* attempted(() => payOneByOne(stand, service, samples, "lone"))
  const of = (percent: number) => rounded(percentile(settledMs, percent) ?? Number.NaN, 1)
  return {
    samples,
    layout,
    p50Ms: of(50),
    p90Ms: of(90),
    p99Ms: of(99),
    maxMs: of(100),
    loadAverages: [before, loadavg()[0] ?? Number.NaN] as const,
  }
}, Effect.scoped)

const payOneByOne = async (
  { nats }: Stand,
  side: Side,
  count: number,
  keyPrefix: string,
): Promise<ReadonlyArray<number>> => {
  const client = openClient(side, 1)
  const settlements = await listen(nats, side.stream, "PayoutSettled")
  const closings = await listen(nats, side.stream, "PayoutBatchClosed")
  const bodies = batchBodies(BODIES, 1)
  const settledMs: Array<number> = []
  try {
    for (let number = 0; number < count; number += 1) {
      const postedAtMs = performance.timeOrigin + performance.now()
      const id = await client.post(
        bodies[number % bodies.length] ?? Buffer.alloc(0),
        `${keyPrefix}-${number}`,
      )
      settledMs.push((await settlements.of(id, SETTLED_MS_MAX)) - postedAtMs)
      // The next one is alone, too.
      await closings.of(id, SETTLED_MS_MAX)
    }
    return settledMs
  } finally {
    settlements.close()
    closings.close()
    await client.close()
  }
}

/** The figures as lines of text. */
export const loneLines = (report: Effect.Success<ReturnType<typeof measureLone>>): ReadonlyArray<string> => [
  `${report.samples} lone payouts, from the post to the event that it is settled; processes: ${report.layout}`,
  `p50 ${report.p50Ms} ms, p90 ${report.p90Ms} ms, p99 ${report.p99Ms} ms, at most ${report.maxMs} ms`,
  `wanted: p50 under ${LONE_P50_MS_MAX} ms: ${report.p50Ms < LONE_P50_MS_MAX ? "reached" : "missed"}`,
  loadLine(report.loadAverages),
]
