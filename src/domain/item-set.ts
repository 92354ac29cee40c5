/** Room for a small batch, doubled as needed. An empty set has none. */
const INITIAL = 64
const noRoom = new Int32Array(0)

/**
 * A set of item numbers in the order in which they were added: like a `Set`, but without hashing. Every event moves an item
 * from one set to another, and a fold of a large batch would spend its time on hashing.
 *
 * It is a linked list in arrays: `next` and `previous` of an item are items, and index 0 is the list's ends.
 */
export class ItemSet implements Iterable<number> {
  size = 0
  private next = noRoom
  private previous = noRoom

  has(item: number): boolean {
    return this.next[item] !== 0 ? item < this.next.length : this.previous[0] === item && item !== 0
  }

  add(item: number): void {
    if (this.has(item)) return
    if (item >= this.next.length) this.grow(item)
    const last = this.previous[0] ?? 0
    this.next[last] = item
    this.previous[item] = last
    this.previous[0] = item
    this.size += 1
  }

  delete(item: number): void {
    if (!this.has(item)) return
    const before = this.previous[item] ?? 0
    const after = this.next[item] ?? 0
    this.next[before] = after
    this.previous[after] = before
    this.next[item] = 0
    this.previous[item] = 0
    this.size -= 1
  }

  /** The first items that `accept` takes, at most `limit`. */
  take(limit: number, accept: (item: number) => boolean): ReadonlyArray<number> {
    const taken: Array<number> = []
    for (let item = this.next[0] ?? 0; item !== 0 && taken.length < limit; item = this.next[item] ?? 0)
      if (accept(item)) taken.push(item)
    return taken
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let item = this.next[0] ?? 0; item !== 0; item = this.next[item] ?? 0) yield item
  }

  /** From the last item added to the first. */
  *backwards(): Generator<number> {
    for (let item = this.previous[0] ?? 0; item !== 0; item = this.previous[item] ?? 0) yield item
  }

  private grow(item: number): void {
    const length = Math.max(INITIAL, 2 ** Math.ceil(Math.log2(item + 1)))
    const [next, previous] = [new Int32Array(length), new Int32Array(length)]
    next.set(this.next)
    previous.set(this.previous)
    this.next = next
    this.previous = previous
  }
}
