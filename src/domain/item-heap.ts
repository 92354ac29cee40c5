const INITIAL = 64
const noPlaces = new Int32Array(0)
const noKeys = new Float64Array(0)

/**
 * Item numbers ordered by a key, and by number if keys are equal. A batch finds items that are due by a time without reading
 * those due later: `set` and `delete` cost the logarithm of the size, reading costs the number of items read.
 *
 * It is a binary heap from index 1: the children of index n are at 2n and 2n + 1. `places` has the index of each item, 0 if it
 * is not in the heap.
 */
export class ItemHeap implements Iterable<number> {
  private readonly items: Array<number> = [0]
  private places = noPlaces
  private keys = noKeys

  get size(): number {
    return this.items.length - 1
  }

  /** The item with the least key. */
  get first(): number | undefined {
    return this.items[1]
  }

  /** The least key; infinity if the heap is empty. */
  get least(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.keyOf(this.items[1] ?? 0)
  }

  has(item: number): boolean {
    return (this.places[item] ?? 0) !== 0
  }

  /** The key of an item that is in the heap. */
  keyOf(item: number): number {
    return this.keys[item] ?? 0
  }

  /** Adds an item, or changes its key. */
  set(item: number, key: number): void {
    this.delete(item)
    if (item >= this.places.length) this.grow(item)
    this.keys[item] = key
    this.items.push(item)
    rise(this.items, this.size, this.keys, this.places)
  }

  delete(item: number): void {
    const place = this.places[item] ?? 0
    if (place === 0) return
    this.places[item] = 0
    const last = this.items.pop() ?? 0
    if (last === item) return
    this.items[place] = last
    rise(this.items, place, this.keys, this.places)
    sink(this.items, this.places[last] ?? 0, this.keys, this.places)
  }

  /** In order. Stopping early costs only what was read. The heap must not change meanwhile. */
  *[Symbol.iterator](): Iterator<number> {
    // The candidates for the next item: the children of items that were read.
    const frontier = [0]
    const approach = (place: number): void => {
      const item = this.items[place]
      if (item === undefined) return
      frontier.push(item)
      rise(frontier, frontier.length - 1, this.keys)
    }
    for (let item = this.items[1]; item !== undefined; item = takeLeast(frontier, this.keys)) {
      yield item
      const place = this.places[item] ?? 0
      approach(2 * place)
      approach(2 * place + 1)
    }
  }

  private grow(item: number): void {
    const length = Math.max(INITIAL, 2 ** Math.ceil(Math.log2(item + 1)))
    const [places, keys] = [new Int32Array(length), new Float64Array(length)]
    places.set(this.places)
    keys.set(this.keys)
    this.places = places
    this.keys = keys
  }
}

const isBefore = (one: number, other: number, keys: Float64Array): boolean => {
  const difference = (keys[one] ?? 0) - (keys[other] ?? 0)
  return difference < 0 || (difference === 0 && one < other)
}

/** Moves an item up to its place in a heap, and updates `places` if given. */
const rise = (heap: Array<number>, from: number, keys: Float64Array, places?: Int32Array): void => {
  const item = heap[from] ?? 0
  let place = from
  while (place > 1) {
    const parent = heap[place >> 1] ?? 0
    if (!isBefore(item, parent, keys)) break
    heap[place] = parent
    if (places !== undefined) places[parent] = place
    place >>= 1
  }
  heap[place] = item
  if (places !== undefined) places[item] = place
}

/** Moves an item down to its place. */
const sink = (heap: Array<number>, from: number, keys: Float64Array, places?: Int32Array): void => {
  const item = heap[from] ?? 0
  let place = from
  while (true) {
    const [left, right] = [heap[2 * place], heap[2 * place + 1]]
    if (left === undefined) break
    const isRight = right !== undefined && isBefore(right, left, keys)
    const child = isRight ? right : left
    if (!isBefore(child, item, keys)) break
    heap[place] = child
    if (places !== undefined) places[child] = place
    place = 2 * place + (isRight ? 1 : 0)
  }
  heap[place] = item
  if (places !== undefined) places[item] = place
}

const takeLeast = (heap: Array<number>, keys: Float64Array): number | undefined => {
  if (heap.length === 1) return undefined
  const least = heap[1]
  const last = heap.pop() ?? 0
  if (heap.length > 1) {
    heap[1] = last
    sink(heap, 1, keys)
  }
  return least
}
