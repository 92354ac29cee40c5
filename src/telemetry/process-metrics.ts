/**
 * How late the event loop is. prom-client has these metrics, too. But it samples a hundred times a second, and its values contain the
 * interval between two samples. These have the same names, fewer samples (loop-delay.ts), and 0 for a loop that is never late.
 */
import { collectDefaultMetrics, Gauge, type Registry } from "prom-client"
import { type Delays, sampleLoopDelay } from "./loop-delay.ts"

/** prom-client cannot leave its own samples out, but it can take one an hour. */
const HARDLY_EVER_MS = 3_600_000

/** Gauges that are named like counters, which promtool objects to. Those without `_total` say the same by type. */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
]

/** In nanoseconds. */
const figures: Readonly<Record<string, (delays: Delays) => number>> = {
  min: (delays) => delays.min,
  max: (delays) => delays.max,
  mean: (delays) => delays.mean,
  stddev: (delays) => delays.stddev,
  p50: (delays) => delays.percentile(50),
  p90: (delays) => delays.percentile(90),
  p99: (delays) => delays.percentile(99),
}

/** Adds the metrics of Node and of the process to a registry. Those of the event loop are of the time since the last reading. */
export const measureProcess = (registry: Registry): void => {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: HARDLY_EVER_MS })
  for (const name of misnamed) registry.removeSingleMetric(name)
  const delays = sampleLoopDelay()
  const gauges = new Map<string, Gauge>()
  const readAll = () => {
    for (const [figure, gauge] of gauges)
      gauge.set(delays.count === 0 ? 0 : (figures[figure]?.(delays) ?? 0) / 1e9)
    delays.reset()
  }
  for (const figure of Object.keys(figures)) {
    const name = `nodejs_eventloop_lag_${figure}_seconds`
    registry.removeSingleMetric(name)
    const isFirst = gauges.size === 0
    gauges.set(
      figure,
      new Gauge({
        name,
        help: `How late the event loop was: ${figure}.`,
        registers: [registry],
        // The first one that is read reads all.
        ...(isFirst ? { collect: readAll } : {}),
      }),
    )
  }
}
