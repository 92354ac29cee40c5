/**
 * How a metric is defined: its name, help and labels, and what someone who reads it has to know: which roles report it, and how the
 * values of several processes become one. The registry, docs/METRICS.md and the tests come from these definitions.
 */
import { Gauge, type Registry } from "prom-client"
import type { Role } from "../service-roles.ts"
import { QuickCounter } from "./quick-counter.ts"
import { ReadGauge } from "./read-gauge.ts"
import { TracedHistogram } from "./traced-histogram.ts"

/** The beginning of each name. */
export const PREFIX = "atlaspay_"

/** Upper bounds in seconds, from a millisecond to half a minute. */
export const callSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Which processes report a metric: those with one of these roles, or all. */
export type Reporters = ReadonlyArray<Role> | "every process"

/**
 * How the values of several processes become one. `sum`: each has its share. `max`, `min`: all report the same fact, and the largest or
 * smallest value is the worst. `each`: it is about the process.
 */
export type Across = "sum" | "max" | "min" | "each"

/** What docs/METRICS.md says about a metric. */
export interface Described {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly labels: ReadonlyArray<string>
  readonly help: string
  readonly reporters: Reporters
  readonly across: Across
  /** After how many milliseconds without a new reading it is not shown any more. */
  readonly shownForMs: number | undefined
}

interface GaugeOptions<Label extends string> {
  readonly labels?: ReadonlyArray<Label>
  readonly across: Across
}

interface HistogramOptions<Label extends string> {
  readonly labels?: ReadonlyArray<Label>
  /** Upper bounds in seconds, by default {@link callSeconds}. */
  readonly buckets?: ReadonlyArray<number>
}

export type Definer = ReturnType<typeof makeDefiner>

/** How a reading's age is measured: in milliseconds that only grow. */
export type Elapsed = () => number

/** Makes definitions that put their metrics into a registry. `described` has them in the order of their definition. */
export const makeDefiner = (registry: Registry, elapsed: Elapsed = () => performance.now()) => {
  const registers = [registry]
  const described: Array<Described> = []
  const by = (...reporters: ReadonlyArray<Role>) => {
    const describe = (
      shortName: string,
      help: string,
      rest: Pick<Described, "kind" | "labels" | "across"> & { readonly shownForMs?: number },
    ) => {
      const name = `${PREFIX}${shortName}`
      described.push({
        name,
        help,
        reporters: reporters.length === 0 ? "every process" : reporters,
        shownForMs: undefined,
        ...rest,
      })
      return { name, help, labelNames: rest.labels, registers }
    }
    return {
      counter: <const Label extends string = never>(
        name: string,
        help: string,
        labels: ReadonlyArray<Label> = [],
      ) =>
        new QuickCounter<Label>({
          ...describe(name, help, { kind: "counter", labels, across: "sum" }),
          labelNames: labels,
        }),
      gauge: <const Label extends string = never>(
        name: string,
        help: string,
        { labels = [], across }: GaugeOptions<Label>,
      ) =>
        new Gauge<Label>({ ...describe(name, help, { kind: "gauge", labels, across }), labelNames: labels }),
      /** A gauge of what is read at intervals. It shows nothing before the first reading, and after readings have failed for a while. */
      reading: <const Label extends string = never>(
        name: string,
        help: string,
        { labels = [], across, shownForMs }: GaugeOptions<Label> & { readonly shownForMs: number },
      ) =>
        new ReadGauge<Label>(
          { ...describe(name, help, { kind: "gauge", labels, across, shownForMs }), labelNames: labels },
          shownForMs,
          elapsed,
        ),
      /** A histogram whose buckets can name the trace of their last observation. */
      histogram: <const Label extends string = never>(
        name: string,
        help: string,
        { labels = [], buckets = callSeconds }: HistogramOptions<Label> = {},
      ) =>
        new TracedHistogram<Label>({
          ...describe(name, help, { kind: "histogram", labels, across: "sum" }),
          labelNames: labels,
          buckets: [...buckets],
        }),
    }
  }
  return { by, described: described as ReadonlyArray<Described> }
}
