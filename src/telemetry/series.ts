/**
 * The time series of one metric, by the values of its labels. prom-client finds a series by a text that it makes of all labels at each
 * count, which costs more than the count. Here each label leads to the next by its value alone.
 */
import type { LabelValues } from "prom-client"

type Value = string | number | undefined

/** Series of a metric, each made when its labels are first seen. Their number is that of the labels' values, which are closed sets. */
export class Series<Label extends string, Of> {
  readonly #labelNames: ReadonlyArray<Label>
  readonly #make: (labels: LabelValues<Label>) => Of
  /** For each label but the last a map of maps; for a metric without labels a single entry. */
  #byValue: Map<Value, unknown> = new Map()
  /** By what is shown of their labels: a number and its text are one value. */
  readonly #byText = new Map<string, Of>()

  /** `make` makes a series for these labels. It throws if the metric does not have one of them. */
  constructor(labelNames: ReadonlyArray<Label>, make: (labels: LabelValues<Label>) => Of) {
    this.#labelNames = labelNames
    this.#make = make
  }

  /** The series with these labels. A label that is left out is a value of its own. */
  of(labels: LabelValues<Label>): Of {
    const names = this.#labelNames
    let known = this.#byValue
    for (let place = 0; place < names.length - 1; place++) {
      const value = labels[names[place] as Label]
      let next = known.get(value) as Map<Value, unknown> | undefined
      if (next === undefined) {
        next = new Map()
        known.set(value, next)
      }
      known = next
    }
    const last = names.length === 0 ? undefined : labels[names[names.length - 1] as Label]
    const found = known.get(last) as Of | undefined
    if (found !== undefined) return found
    const made = this.#shownAs(labels)
    known.set(last, made)
    return made
  }

  /** In the order in which they were made. */
  get all(): ReadonlyArray<Of> {
    return [...this.#byText.values()]
  }

  get size(): number {
    return this.#byText.size
  }

  clear(): void {
    this.#byValue = new Map()
    this.#byText.clear()
  }

  #shownAs(labels: LabelValues<Label>): Of {
    const values = this.#labelNames.map((name) => labels[name])
    const text = JSON.stringify(values.map((value) => (value === undefined ? null : String(value))))
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    const made = this.#make({ ...labels })
    this.#byText.set(text, made)
    return made
  }
}
