/**
 * A histogram that costs little to observe, with exemplars: each bucket names the trace of the last observation in it that had one, so
 * that a graph of slow settlements leads to one that was slow (OpenMetrics 1.0, "Exemplars").
 *
 * prom-client has exemplars, too. But it shows them only in a registry that has no other format, and asks for an object at each
 * observation. It also makes a text of all labels at each. So the counts are kept here.
 */
import { Histogram, type HistogramConfiguration, type LabelValues } from "prom-client"
import { Series } from "./series.ts"

/** What a bucket refers to. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** Seconds since the Unix epoch. */
  readonly at: number
}

/** What was observed under some labels. */
interface Observed<Label extends string> {
  readonly labels: LabelValues<Label>
  /** By bucket, the one without a bound last; each without those before it. */
  readonly counts: Array<number>
  /** By bucket. `undefined` if it is one series too many. */
  readonly exemplars: Array<Exemplar | undefined> | undefined
  sum: number
}

/** Combinations of labels of one histogram whose exemplars are kept: those that came first. */
const SERIES_MAX = 2_000

export class TracedHistogram<Label extends string = string> extends Histogram<Label> {
  readonly #name: string
  readonly #help: string
  readonly #bounds: ReadonlyArray<number>
  readonly #series: Series<Label, Observed<Label>>

  constructor(configuration: HistogramConfiguration<Label>) {
    super(configuration)
    const { name, help, buckets = [], labelNames = [] } = configuration
    this.#name = name
    this.#help = help
    this.#bounds = buckets
    this.#series = new Series(labelNames, (labels) => {
      // prom-client refuses labels that the metric does not have.
      super.labels(labels)
      const counts = new Array<number>(buckets.length + 1).fill(0)
      const exemplars = this.#series.size < SERIES_MAX ? [] : undefined
      return { labels, counts, exemplars, sum: 0 }
    })
    if (labelNames.length === 0) this.#series.of({})
    // prom-client's is a property of each histogram, too.
    this.observe = (first: object | number, second?: number) =>
      typeof first === "object" ? this.#observe(first, second ?? Number.NaN) : this.#observe({}, first)
  }

  /** Counts a value. `traceId` is the trace that explains it, if there is one: 32 hex digits. */
  observeTraced(labels: LabelValues<Label>, value: number, traceId: string | undefined): void {
    this.#observe(labels, value)
    if (traceId !== undefined) this.remember(labels, value, traceId)
  }

  /** Names the trace of a value that was counted by itself. */
  remember(labels: LabelValues<Label>, value: number, traceId: string): void {
    const { exemplars } = this.#series.of(labels)
    if (exemplars === undefined) return
    exemplars[this.#bucketOf(value)] = { traceId, value, at: Date.now() / 1_000 }
  }

  /** The exemplar of the bucket with an upper bound, as it is in the label `le`: a number, or `+Inf`. */
  exemplarOf(labels: LabelValues<Label>, le: string | number): Exemplar | undefined {
    const bucket = le === "+Inf" ? this.#bounds.length : this.#bounds.indexOf(Number(le))
    return this.#series.of(labels).exemplars?.[bucket]
  }

  override labels(
    ...values: ReadonlyArray<string> | [LabelValues<Label>]
  ): ReturnType<Histogram<Label>["labels"]> {
    const [labels] = values
    if (typeof labels !== "object") throw new TypeError("labels are given by name")
    const { startTimer } = super.labels(labels)
    return { observe: (value: number) => this.#observe(labels, value), startTimer }
  }

  override reset(): void {
    super.reset()
    // prom-client resets while it constructs, when nothing was observed yet.
    if (#series in this) this.#series.clear()
  }

  /** What prom-client reads, for its texts and as values. */
  async getForPromString() {
    const values = this.#series.all.flatMap((observed) => this.#samplesOf(observed))
    return { name: this.#name, help: this.#help, type: "histogram", aggregator: "sum", values }
  }

  #observe(labels: LabelValues<Label>, value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${this.#name} cannot count ${value}`)
    const observed = this.#series.of(labels)
    const bucket = this.#bucketOf(value)
    observed.counts[bucket] = (observed.counts[bucket] ?? 0) + 1
    observed.sum += value
  }

  #samplesOf({ labels, counts, sum }: Observed<Label>) {
    const sample = (suffix: string, value: number, bound = {}) => ({
      metricName: `${this.#name}_${suffix}`,
      labels: { ...bound, ...labels },
      sharedLabels: {},
      value,
    })
    let count = 0
    const buckets = counts.map((own, bucket) => {
      count += own
      return sample("bucket", count, { le: this.#bounds[bucket] ?? "+Inf" })
    })
    return [...buckets, sample("sum", sum), sample("count", count)]
  }

  #bucketOf(value: number): number {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1
    return bucket
  }
}
