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
  #all: Array<Of> = []

  /** `make` makes a series for these labels. It throws if they are not those of the metric. */
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
    const made = this.#make({ ...labels })
    known.set(last, made)
    this.#all.push(made)
    return made
  }

  /** In the order in which they were made. */
  get all(): ReadonlyArray<Of> {
    return this.#all
  }

  clear(): void {
    this.#byValue = new Map()
    this.#all = []
  }
}
