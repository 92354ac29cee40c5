/**
 * The metrics as text: in the format of Prometheus, or as OpenMetrics 1.0 with exemplars for who asks for it by `Accept`, as Prometheus
 * does when it stores exemplars. prom-client's own OpenMetrics changes the names of counters for good, so it cannot write both.
 */
import type { MetricObjectWithValues, MetricValueWithName, Registry } from "prom-client"
import { TracedHistogram } from "./traced-histogram.ts"

/** The media type of OpenMetrics, without parameters. */
export const OPEN_METRICS = "application/openmetrics-text"

/** A text and its media type. */
export interface MetricsText {
  readonly text: string
  readonly contentType: string
}

/** The metrics as OpenMetrics if that is asked for, or else in the format of Prometheus. */
export const metricsText = async (registry: Registry, asOpenMetrics: boolean): Promise<MetricsText> =>
  asOpenMetrics
    ? { text: await openMetrics(registry), contentType: `${OPEN_METRICS}; version=1.0.0; charset=utf-8` }
    : { text: await registry.metrics(), contentType: registry.contentType }

const openMetrics = async (registry: Registry): Promise<string> => {
  const metrics = (await registry.getMetricsAsJSON()) as unknown as ReadonlyArray<
    MetricObjectWithValues<MetricValueWithName<string>>
  >
  return `${metrics.map((metric) => familyOf(registry, metric)).join("")}# EOF\n`
}

const familyOf = (
  registry: Registry,
  { name, help, type, values }: MetricObjectWithValues<MetricValueWithName<string>>,
): string => {
  const kind = String(type)
  // The family of a counter is named without the suffix that its samples have.
  const family = kind === "counter" ? name.replace(/_total$/, "") : name
  const metric = registry.getSingleMetric(name)
  const exemplarOf = ({ labels, metricName }: MetricValueWithName<string>): string => {
    if (!(metric instanceof TracedHistogram) || metricName !== `${name}_bucket`) return ""
    const { le = "", ...others } = labels
    const found = metric.exemplarOf(others, le)
    return found === undefined ? "" : ` # {trace_id="${found.traceId}"} ${found.value} ${found.at.toFixed(3)}`
  }
  const lines = values.map(
    (sample) =>
      `${sample.metricName ?? (kind === "counter" ? `${family}_total` : name)}${labelsText(sample.labels)} ${numberText(sample.value)}${exemplarOf(sample)}\n`,
  )
  return `# HELP ${family} ${escaped(help)}\n# TYPE ${family} ${kind}\n${lines.join("")}`
}

const labelsText = (labels: Readonly<Record<string, string | number | undefined>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

const escaped = (text: string): string =>
  text.replace(/[\\\n"]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`))

const numberText = (value: number): string => {
  if (Number.isNaN(value)) return "NaN"
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf"
}
