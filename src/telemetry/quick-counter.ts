/** A counter whose counts cost little: they are added up here, and prom-client gets the sums when somebody reads the metric. */
import { Counter, type CounterConfiguration, type LabelValues } from "prom-client"
import { Series } from "./series.ts"

/** What was counted since the last read. */
interface Pending<Label extends string> {
  readonly labels: LabelValues<Label>
  count: number
}

export class QuickCounter<Label extends string = string> extends Counter<Label> {
  readonly #series: Series<Label, Pending<Label>>
  /** prom-client's own `inc`, which is a property of each counter. */
  readonly #add: (labels: LabelValues<Label>, count?: number) => void

  constructor(configuration: CounterConfiguration<Label>) {
    super(configuration)
    this.#add = this.inc.bind(this)
    this.#series = new Series(configuration.labelNames ?? [], (labels) => {
      // The series is shown from now on, and labels that the metric does not have are refused.
      this.#add(labels, 0)
      return { labels, count: 0 }
    })
    this.inc = (first?: object | number, second?: number) =>
      typeof first === "object" ? this.#count(first, second) : this.#count({}, first)
  }

  #count(labels: LabelValues<Label>, count = 1): void {
    if (count >= 0 && Number.isFinite(count)) this.#series.of(labels).count += count
    // prom-client says what is wrong with it.
    else this.#add(labels, count)
  }

  override async get(): ReturnType<Counter<Label>["get"]> {
    for (const pending of this.#series.all) {
      if (pending.count > 0) this.#add(pending.labels, pending.count)
      pending.count = 0
    }
    return await super.get()
  }

  override reset(): void {
    super.reset()
    // prom-client resets while it constructs, when nothing was counted yet.
    if (#series in this) this.#series.clear()
  }
}
