/**
 * A histogram with exemplars: each bucket names the trace of the last observation in it that had one, so that a graph of slow
 * settlements leads to one that was slow (OpenMetrics 1.0, "Exemplars").
 *
 * prom-client has exemplars, too. But it shows them only in a registry that has no other format, and asks for an object at each
 * observation.
 */
import { Histogram, type HistogramConfiguration, type LabelValues } from "prom-client"

/** What a bucket refers to. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** Seconds since the Unix epoch. */
  readonly at: number
}

/** Combinations of labels of one histogram whose exemplars are kept. */
const SERIES_MAX = 2_000

export class TracedHistogram<Label extends string = string> extends Histogram<Label> {
  readonly #bounds: ReadonlyArray<number>
  readonly #labelNames: ReadonlyArray<Label>
  readonly #exemplars = new Map<string, Array<Exemplar | undefined>>()

  constructor(configuration: HistogramConfiguration<Label>) {
    super(configuration)
    this.#bounds = configuration.buckets ?? []
    this.#labelNames = configuration.labelNames ?? []
  }

  /** Counts a value. `traceId` is the trace that explains it, if there is one: 32 hex digits. */
  observeTraced(labels: LabelValues<Label>, value: number, traceId: string | undefined): void {
    this.observe(labels, value)
    if (traceId !== undefined) this.remember(labels, value, traceId)
  }

  /** Names the trace of a value that was counted by itself. */
  remember(labels: LabelValues<Label>, value: number, traceId: string): void {
    const key = this.#keyOf(labels)
    let exemplars = this.#exemplars.get(key)
    if (exemplars === undefined) {
      if (this.#exemplars.size >= SERIES_MAX) return
      exemplars = []
      this.#exemplars.set(key, exemplars)
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    exemplars[bucket === -1 ? this.#bounds.length : bucket] = { traceId, value, at: Date.now() / 1_000 }
  }

  /** The exemplar of the bucket with an upper bound, as it is in the label `le`: a number, or `+Inf`. */
  exemplarOf(labels: LabelValues<Label>, le: string | number): Exemplar | undefined {
    const bucket = le === "+Inf" ? this.#bounds.length : this.#bounds.indexOf(Number(le))
    return this.#exemplars.get(this.#keyOf(labels))?.[bucket]
  }

  override reset(): void {
    super.reset()
    // prom-client resets while it constructs, when there are no exemplars yet.
    if (#exemplars in this) this.#exemplars.clear()
  }

  #keyOf(labels: LabelValues<Label>): string {
    return this.#labelNames.map((name) => String(labels[name])).join("\n")
  }
}
