/** A counter whose counts cost little: they are kept here, by the values of their labels, and shown as prom-client shows its own. */
import { Counter, type CounterConfiguration, type LabelValues } from "prom-client"
import { Series } from "./series.ts"

/** What was counted under some labels. */
interface Counted<Label extends string> {
  readonly labels: LabelValues<Label>
  value: number
}

export class QuickCounter<Label extends string = string> extends Counter<Label> {
  readonly #hasLabels: boolean
  readonly #series: Series<Label, Counted<Label>>
  /** prom-client's own `inc`, which is a property of each counter. It says what is wrong with labels and counts. */
  readonly #check: (labels: LabelValues<Label>, count: number) => void

  constructor(configuration: CounterConfiguration<Label>) {
    super(configuration)
    const { labelNames = [] } = configuration
    this.#hasLabels = labelNames.length > 0
    this.#check = this.inc.bind(this)
    this.#series = new Series(labelNames, (labels) => {
      this.#check(labels, 0)
      return { labels, value: 0 }
    })
    this.#begin()
    this.inc = (first?: object | number, second?: number) =>
      typeof first === "object" ? this.#count(first, second) : this.#count({}, first)
  }

  override async get(): ReturnType<Counter<Label>["get"]> {
    const values = this.#series.all.map((counted) => ({ ...counted }))
    return { ...(await super.get()), values }
  }

  override reset(): void {
    super.reset()
    // prom-client resets while it constructs, when nothing was counted yet.
    if (!(#series in this)) return
    this.#series.clear()
    this.#begin()
  }

  /** A counter without labels shows 0 before the first count. */
  #begin(): void {
    if (!this.#hasLabels) this.#series.of({})
  }

  #count(labels: LabelValues<Label>, count = 1): void {
    if (!(count >= 0 && Number.isFinite(count))) this.#check(labels, count)
    this.#series.of(labels).value += count
  }
}
