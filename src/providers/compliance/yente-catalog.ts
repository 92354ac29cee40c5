/** Which data an instance of yente searches, and how old they are: what `GET /catalog` says of them. */
import { createHash } from "node:crypto"
import { Schema } from "effect"
import { ageProblem } from "./list-search.ts"

const optionalText = Schema.optionalKey(Schema.NullOr(Schema.String))
const optionalCount = Schema.optionalKey(Schema.NullOr(Schema.Int))

/** `index_version` is the version that is searched; without one, the data set is not in the index by itself. */
const Dataset = Schema.Struct({
  name: Schema.String,
  children: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  index_version: optionalText,
  index_current: Schema.optionalKey(Schema.Boolean),
  updated_at: optionalText,
  entity_count: optionalCount,
})
type Dataset = typeof Dataset.Type

export const Catalog = Schema.Struct({ datasets: Schema.Array(Dataset) })
export type Catalog = typeof Catalog.Type

/** The data sets of the index that have the entries of `dataset`: itself, or collections that it is a part of. */
const indexed = ({ datasets }: Catalog, dataset: string): ReadonlyArray<Dataset> => {
  const holders = new Set([dataset])
  // Each round finds the collections of what was found before; there are no more rounds than data sets.
  for (let known = 0; known < holders.size; ) {
    known = holders.size
    for (const { name, children } of datasets)
      if (children?.some((child) => holders.has(child))) holders.add(name)
  }
  return datasets.filter(({ name, index_version }) => holders.has(name) && (index_version ?? "") !== "")
}

/** What is wrong with the data that would be searched, at `now` (epoch milliseconds). */
export const catalogProblem = (
  catalog: Catalog,
  dataset: string,
  now: number,
  ageMsMax: number,
): string | undefined => {
  const searched = indexed(catalog, dataset)
  if (!catalog.datasets.some(({ name }) => name === dataset)) return `has no data set ${dataset}`
  if (searched.length === 0) return `has not indexed the data set ${dataset}`
  if (searched.some(({ entity_count }) => entity_count === 0)) return `has nothing in the data set ${dataset}`
  return searched
    .map((one) => ageProblem(timeOf(one), now, ageMsMax))
    .find((problem) => problem !== undefined)
}

/**
 * The version of the searched data. An engine may score differently by another algorithm, so that is a part of it.
 */
export const dataVersionOf = (catalog: Catalog, dataset: string, algorithm: string): string => {
  const versions = indexed(catalog, dataset).map(({ name, index_version }) => `${name} ${index_version}`)
  const text = `${dataset} by ${algorithm}: ${versions.sort().join(", ")}`
  return text.length <= TEXT_LENGTH_MAX ? text : createHash("sha256").update(text).digest("hex")
}

const TEXT_LENGTH_MAX = 200

/** When the data were made, in epoch milliseconds: versions begin with that time, such as 20260127125418-igl. */
const timeOf = ({ index_version, index_current, updated_at }: Dataset): number => {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:-|$)/.exec(index_version ?? "") ?? []
  if (year !== undefined) return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return index_current === true ? Date.parse(inUtc(updated_at ?? "")) : Number.NaN
}

/** Times are in UTC, and say so or not. */
const inUtc = (time: string): string => (/(Z|[+-]\d{2}:?\d{2})$/.test(time) ? time : `${time}Z`)
