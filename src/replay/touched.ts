/**
 * Notes what code touches of a batch, so that a comparison after each event need not walk through all items. Whatever changes an item
 * gets it from the map of items first, so what was not handed out has not changed.
 */

/** A map that notes which of its values were handed out or set while it watches. */
export class WatchedMap<K, V> extends Map<K, V> {
  /** The keys that were touched since the last {@link forget}. */
  readonly touched = new Set<K>()
  /** All values were handed out. */
  isAllTouched = false
  isWatching = true

  override get(key: K): V | undefined {
    if (this.isWatching) this.touched.add(key)
    return super.get(key)
  }

  override set(key: K, value: V): this {
    // The constructor of a map sets before the fields are there.
    if (this.isWatching) this.touched.add(key)
    return super.set(key, value)
  }

  override delete(key: K): boolean {
    if (this.isWatching) this.touched.add(key)
    return super.delete(key)
  }

  override clear(): void {
    this.isAllTouched = true
    super.clear()
  }

  override values(): MapIterator<V> {
    if (this.isWatching) this.isAllTouched = true
    return super.values()
  }

  override entries(): MapIterator<[K, V]> {
    if (this.isWatching) this.isAllTouched = true
    return super.entries()
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    if (this.isWatching) this.isAllTouched = true
    return super[Symbol.iterator]()
  }

  override forEach(visit: (value: V, key: K, map: Map<K, V>) => void): void {
    if (this.isWatching) this.isAllTouched = true
    super.forEach(visit)
  }

  forget(): void {
    this.touched.clear()
    this.isAllTouched = false
  }
}

/** Puts a watched map in the place of each map of a new state. Gives them by the name of their field. */
export const watchMaps = (state: object): ReadonlyMap<string, WatchedMap<unknown, unknown>> => {
  const fields = state as Record<string, unknown>
  const watched = new Map<string, WatchedMap<unknown, unknown>>()
  for (const [name, value] of Object.entries(fields)) {
    if (!(value instanceof Map)) continue
    const map = new WatchedMap<unknown, unknown>()
    for (const [key, one] of value) map.set(key, one)
    map.forget()
    fields[name] = map
    watched.set(name, map)
  }
  return watched
}

/** Runs something whose reads are not noted: a comparison, or a plan, which changes nothing. */
export const unwatched = <A>(maps: Iterable<WatchedMap<unknown, unknown>>, run: () => A): A => {
  const all = [...maps]
  for (const map of all) map.isWatching = false
  try {
    return run()
  } finally {
    for (const map of all) map.isWatching = true
  }
}
