/**
 * A gauge of what somebody reads at intervals: a depth, an age, a state of a store. If the readings stop, because the store does not
 * answer or a loop hangs, its last value would stay true for ever. So a value is shown only for some time after it was read, and none
 * is shown before.
 */
import { Gauge, type GaugeConfiguration, type LabelValues } from "prom-client"

/** Combinations of labels of one gauge. All are of closed sets, so more is a mistake in the code. */
const VALUES_MAX = 10_000

export class ReadGauge<Label extends string = string> extends Gauge<Label> {
  readonly #shownForMs: number
  readonly #elapsed: () => number
  readonly #labelNames: ReadonlyArray<Label>
  readonly #readAt = new Map<string, { readonly labels: LabelValues<Label>; readonly at: number }>()

  /** `elapsed` gives milliseconds that only grow. */
  constructor(
    configuration: GaugeConfiguration<Label>,
    shownForMs: number,
    elapsed: () => number = () => performance.now(),
  ) {
    super(configuration)
    this.#shownForMs = shownForMs
    this.#elapsed = elapsed
    this.#labelNames = configuration.labelNames ?? []
    // prom-client begins a gauge without labels with 0, which nobody has read.
    if (this.#labelNames.length === 0) this.remove()
  }

  override set(first: LabelValues<Label> | number, value?: number): void {
    const labels: LabelValues<Label> = typeof first === "number" ? {} : first
    const key = this.#labelNames.map((name) => String(labels[name])).join("\n")
    if (!this.#readAt.has(key) && this.#readAt.size >= VALUES_MAX)
      throw new RangeError(`a gauge has more than ${VALUES_MAX} values`)
    if (typeof first === "number") super.set(first)
    else super.set(first, value ?? 0)
    this.#readAt.set(key, { labels, at: this.#elapsed() })
  }

  override async get(): ReturnType<Gauge<Label>["get"]> {
    const shownFrom = this.#elapsed() - this.#shownForMs
    for (const [key, { labels, at }] of this.#readAt)
      if (at < shownFrom) {
        this.remove(labels)
        this.#readAt.delete(key)
      }
    return await super.get()
  }
}
