/** Room for a small batch, doubled as needed. */
const ROOM = 64

/**
 * The items of a batch that are in a call under way, so that planning leaves them out. An item that is in several calls is in
 * the last of them. It is like a `Map` from items to calls, but without hashing: each item is in four calls at least.
 */
export class BusyItems {
  /** By item, so index 0 is not used: the number of its call, or 0. */
  #callOf = new Uint32Array(ROOM)
  readonly #items = new Map<number, ReadonlyArray<number>>()

  has(item: number): boolean {
    return (this.#callOf[item] ?? 0) !== 0
  }

  /** A call begins with these items. Its number, from 1, is that of no other call of the batch. */
  begin(call: number, items: ReadonlyArray<number>): void {
    this.#items.set(call, items)
    for (const item of items) {
      if (item >= this.#callOf.length) this.#hold(item)
      this.#callOf[item] = call
    }
  }

  /** An item's part of its call is over. */
  delete(item: number): void {
    if (this.has(item)) this.#callOf[item] = 0
  }

  /** A call is over. */
  end(call: number): void {
    for (const item of this.#items.get(call) ?? []) if (this.#callOf[item] === call) this.#callOf[item] = 0
    this.#items.delete(call)
  }

  #hold(item: number): void {
    const grown = new Uint32Array(2 ** Math.ceil(Math.log2(item + 1)))
    grown.set(this.#callOf)
    this.#callOf = grown
  }
}
