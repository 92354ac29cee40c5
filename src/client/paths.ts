/** Paths of requests, with what is put into them. */

type Value = string | number | boolean | ReadonlyArray<string> | undefined

/** Names that a URL reads as another place: the folder above, or none. */
const NO_NAMES = new Set(["", ".", ".."])

/** `/payout-batches/{id}` with values, percent-encoded; throws a `TypeError` if one can be no name of anything. */
export const withNames = (path: string, names: Readonly<Record<string, string | number>>): string =>
  path.replace(/\{([a-z]+)\}/gi, (_, name: string) => {
    const value = String(names[name] ?? "")
    if (NO_NAMES.has(value)) throw new TypeError(`${JSON.stringify(value)} names nothing in ${path}`)
    return encodeURIComponent(value)
  })

/** A path with a query, without what is undefined. Several values are separated by commas. */
export const withQuery = (path: string, query: Readonly<Record<string, Value>>): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, Array.isArray(value) ? value.join(",") : String(value))
  return parameters.size === 0 ? path : `${path}?${parameters}`
}
