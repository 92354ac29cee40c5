/** Room for a small batch, doubled as needed. Sets of which none ever had an item have none. */
const INITIAL = 64
const noRoom = new Int32Array(0)
const noMarks = new Uint8Array(0)

/** The links of one or more sets of which an item is in at most one at a time. By item, so index 0 is not used. */
class Links {
  next = noRoom
  previous = noRoom
  /** The mark of the set that an item is in, or 0. */
  marks = noMarks

  hold(item: number): void {
    if (item < this.marks.length) return
    const length = Math.max(INITIAL, 2 ** Math.ceil(Math.log2(item + 1)))
    this.next = copied(this.next, new Int32Array(length))
    this.previous = copied(this.previous, new Int32Array(length))
    this.marks = copied(this.marks, new Uint8Array(length))
  }
}

const copied = <A extends Int32Array | Uint8Array>(from: A, to: A): A => {
  to.set(from)
  return to
}

/**
 * A set of item numbers in the order in which they were added: like a `Set`, but without hashing. Every event moves an item
 * from one set to another, and a fold of a large batch would spend its time on hashing.
 *
 * It is a linked list in arrays, in which `next` and `previous` of an item are items, and 0 is the end. It must not change
 * while it is read.
 */
export class ItemSet implements Iterable<number> {
  size = 0
  private first = 0
  private last = 0
  private readonly links: Links
  private readonly mark: number

  constructor(links = new Links(), mark = 1) {
    this.links = links
    this.mark = mark
  }

  has(item: number): boolean {
    return this.links.marks[item] === this.mark
  }

  /** Throws if the item is in another set with the same links. */
  add(item: number): void {
    if (this.has(item)) return
    this.links.hold(item)
    const { next, previous, marks } = this.links
    if (marks[item] !== 0) throw new Error(`item ${item} is in another set`)
    if (this.last === 0) this.first = item
    else next[this.last] = item
    previous[item] = this.last
    marks[item] = this.mark
    this.last = item
    this.size += 1
  }

  delete(item: number): void {
    if (!this.has(item)) return
    const { next, previous, marks } = this.links
    const before = previous[item] ?? 0
    const after = next[item] ?? 0
    if (before === 0) this.first = after
    else next[before] = after
    if (after === 0) this.last = before
    else previous[after] = before
    next[item] = previous[item] = marks[item] = 0
    this.size -= 1
  }

  /** The first items that `accept` takes, at most `limit`. */
  take(limit: number, accept: (item: number) => boolean): ReadonlyArray<number> {
    const taken: Array<number> = []
    const { next } = this.links
    for (let item = this.first; item !== 0 && taken.length < limit; item = next[item] ?? 0)
      if (accept(item)) taken.push(item)
    return taken
  }

  *[Symbol.iterator](): Iterator<number> {
    const { next } = this.links
    for (let item = this.first; item !== 0; item = next[item] ?? 0) yield item
  }

  /** From the last item added to the first. */
  *backwards(): Generator<number> {
    const { previous } = this.links
    for (let item = this.last; item !== 0; item = previous[item] ?? 0) yield item
  }
}

/** Sets by name of which an item is in at most one at a time. They cost as much memory as one. At most 255 names. */
export const disjointSets = <Name extends string>(
  names: ReadonlyArray<Name>,
): Readonly<Record<Name, ItemSet>> => {
  const links = new Links()
  const sets = names.map((name, index) => [name, new ItemSet(links, index + 1)] as const)
  return Object.fromEntries(sets) as Record<Name, ItemSet>
}
