/**
 * The first difference between two states or plans that two codes made of one log. It is strict: a field that is missing differs from one
 * that is undefined, 1 from 1n, and the order of maps and sets counts.
 *
 * Sets of items and heaps are compared by what they hold, in order, and not by how: another checkout may keep them otherwise.
 */
import { WatchedMap } from "./touched.ts"

export interface Difference {
  /** Where it is, such as `items.3.attempt.phase`. */
  readonly path: string
  readonly ours: unknown
  readonly theirs: unknown
}

/** What stands for a field or an entry that is not there. */
export const MISSING = Symbol("missing")

/** What a comparison looks at: everything, or of large collections only what was touched. */
export type Scope = "all" | { readonly touched: ReadonlySet<unknown> }

/** Lists up to this length are compared as a whole each time. */
const SHORT = 16
const DEPTH_MAX = 24

/** Finds differences between the states of two folds of one log. It remembers long lists that were equal, which code does not change. */
export class Comparison {
  /** The list that a list of ours was equal to, and its length then. */
  readonly #equal = new WeakMap<object, { readonly theirs: object; readonly length: number }>()

  /** The first difference; `undefined` if there is none. */
  find(ours: unknown, theirs: unknown, scope: Scope, path = "", depth = 0): Difference | undefined {
    if (Object.is(ours, theirs)) return undefined
    const differs = { path, ours, theirs }
    if (!isObject(ours) || !isObject(theirs)) {
      const bothRun = typeof ours === "function" && typeof theirs === "function"
      return bothRun ? undefined : differs
    }
    if (depth > DEPTH_MAX) throw new Error(`${path} is nested too deeply to be compared`)
    if (Array.isArray(ours) || Array.isArray(theirs))
      return Array.isArray(ours) && Array.isArray(theirs)
        ? this.#lists(ours, theirs, scope, path, depth)
        : differs
    if (ours instanceof Map || theirs instanceof Map)
      return ours instanceof Map && theirs instanceof Map
        ? this.#maps(ours, theirs, scope, path, depth)
        : differs
    if (isCollection(ours) || isCollection(theirs))
      return isCollection(ours) && isCollection(theirs) ? collections(ours, theirs, scope, path) : differs
    return this.#records(ours, theirs, scope, path, depth)
  }

  #lists(
    ours: ReadonlyArray<unknown>,
    theirs: ReadonlyArray<unknown>,
    scope: Scope,
    path: string,
    depth: number,
  ): Difference | undefined {
    if (ours.length !== theirs.length)
      return { path: at(path, "length"), ours: ours.length, theirs: theirs.length }
    const known = this.#equal.get(ours)
    if (scope !== "all" && known?.theirs === theirs && known.length === ours.length) return undefined
    for (let index = 0; index < ours.length; index++) {
      const found = this.find(ours[index], theirs[index], scope, at(path, index), depth + 1)
      if (found !== undefined) return found
    }
    if (ours.length > SHORT) this.#equal.set(ours, { theirs, length: ours.length })
    return undefined
  }

  #maps(
    ours: ReadonlyMap<unknown, unknown>,
    theirs: ReadonlyMap<unknown, unknown>,
    scope: Scope,
    path: string,
    depth: number,
  ): Difference | undefined {
    if (ours.size !== theirs.size) return { path: at(path, "size"), ours: ours.size, theirs: theirs.size }
    const touched = scope === "all" ? undefined : touchedOf(ours, theirs)
    if (touched === undefined) {
      const others = theirs.entries()
      for (const [key, value] of ours.entries()) {
        const [otherKey, other] = others.next().value ?? [MISSING, MISSING]
        if (!Object.is(key, otherKey)) return { path: at(path, "order"), ours: key, theirs: otherKey }
        const found = this.find(value, other, scope, at(path, String(key)), depth + 1)
        if (found !== undefined) return found
      }
      return undefined
    }
    for (const key of touched) {
      const found = this.find(
        entryOf(ours, key),
        entryOf(theirs, key),
        scope,
        at(path, String(key)),
        depth + 1,
      )
      if (found !== undefined) return found
    }
    return undefined
  }

  #records(ours: object, theirs: object, scope: Scope, path: string, depth: number): Difference | undefined {
    const [mine, others] = [ours as Record<string, unknown>, theirs as Record<string, unknown>]
    for (const key of Object.keys(mine)) {
      const other = Object.hasOwn(others, key) ? others[key] : MISSING
      const found = this.find(mine[key], other, scope, at(path, key), depth + 1)
      if (found !== undefined) return found
    }
    const extra = Object.keys(others).find((key) => !Object.hasOwn(mine, key))
    return extra === undefined ? undefined : { path: at(path, extra), ours: MISSING, theirs: others[extra] }
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const at = (path: string, step: string | number): string => (path === "" ? String(step) : `${path}.${step}`)

const entryOf = (map: ReadonlyMap<unknown, unknown>, key: unknown): unknown =>
  map.has(key) ? map.get(key) : MISSING

/** The keys that either code touched; `undefined` if a map is not watched, or was read as a whole. */
const touchedOf = (
  ours: ReadonlyMap<unknown, unknown>,
  theirs: ReadonlyMap<unknown, unknown>,
): ReadonlySet<unknown> | undefined => {
  if (!(ours instanceof WatchedMap) || !(theirs instanceof WatchedMap)) return undefined
  if (ours.isAllTouched || theirs.isAllTouched) return undefined
  return ours.touched.union(theirs.touched)
}

/** A set, or a set of items or a heap of the domain. */
interface Collection extends Iterable<unknown> {
  readonly size: number
  readonly has: (value: unknown) => boolean
  /** Of a heap. */
  readonly keyOf?: (value: unknown) => unknown
}

const isCollection = (value: object): value is Collection =>
  Symbol.iterator in value && "size" in value && "has" in value && typeof value.has === "function"

/** Up to so many, all are compared each time. */
const FEW = 64

const collections = (
  ours: Collection,
  theirs: Collection,
  scope: Scope,
  path: string,
): Difference | undefined => {
  if (ours.size !== theirs.size) return { path: at(path, "size"), ours: ours.size, theirs: theirs.size }
  if (scope === "all" || ours.size <= FEW) return inOrder(ours, theirs, path)
  for (const value of scope.touched) {
    const [mine, other] = [standingOf(ours, value), standingOf(theirs, value)]
    if (!Object.is(mine, other)) return { path: at(path, String(value)), ours: mine, theirs: other }
  }
  const [first, last] = [firstOf(ours), firstOf(theirs)]
  return Object.is(first, last) ? undefined : { path: at(path, "first"), ours: first, theirs: last }
}

/** The key of a value in a heap; in a set, whether it is there. */
const standingOf = (held: Collection, value: unknown): unknown =>
  held.has(value) && held.keyOf !== undefined ? held.keyOf(value) : held.has(value)

const firstOf = (held: Collection): unknown => {
  for (const value of held) return value
  return MISSING
}

const inOrder = (ours: Collection, theirs: Collection, path: string): Difference | undefined => {
  const others = theirs[Symbol.iterator]()
  let place = 0
  for (const value of ours) {
    const next = others.next()
    const other: unknown = next.done === true ? MISSING : next.value
    if (!Object.is(value, other)) return { path: at(path, `order.${place}`), ours: value, theirs: other }
    const [key, otherKey] = [ours.keyOf?.(value), theirs.keyOf?.(value)]
    if (!Object.is(key, otherKey))
      return { path: at(path, `${String(value)}.key`), ours: key, theirs: otherKey }
    place += 1
  }
  return undefined
}

const SHOWN_LENGTH_MAX = 400

/** A value of a difference as JSON writes it, with amounts as `12n`, and shortened. States have no account numbers. */
export const shownValue = (value: unknown): string => {
  if (value === MISSING) return "missing"
  if (value === undefined) return "undefined"
  if (typeof value === "bigint") return `${value}n`
  const text =
    JSON.stringify(value, (_key, one: unknown) => {
      if (typeof one === "bigint") return `${one}n`
      return one instanceof Map || one instanceof Set ? [...one] : one
    }) ?? String(value)
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`
}
