/**
 * The items to be paid, in one queue for each way that they may go, so that planning skips all items of a closed bank at once.
 * An item that was screened by other lists than those announced last is in no queue, because it has to be screened again.
 *
 * Ways follow from the settings, and valid lists from the engine's announcements, so the line is not part of the fold: it is
 * kept beside the batch, follows it, and can be rebuilt at any time. Its memory grows with the number of items and not with the
 * number of lists. It has at most twice as many entries as items to be paid: an item that left is dropped when it comes to the
 * front, and the line is rebuilt when too many of these wait behind.
 */
import type { Batch, Item } from "./batch.ts"
import { type ClearanceTerms, isByLists } from "./clearance.ts"
import { ItemHeap } from "./item-heap.ts"
import type { Routes, Way } from "./routing.ts"

/** Below this number of entries, the line is not rebuilt. */
const ENTRIES_MIN = 1_024

interface Entry {
  readonly item: Item
  /** The item's place when it was added. If it left and came back, it has another one. */
  readonly place: number
}

export class PayLine {
  readonly #routes: Routes
  readonly #queues = new Map<string, Queue>()
  /** Items that have joined, by number. */
  #items: Array<Item> = []
  /** Items by the age of their clearance: by the lists announced last, and by other lists. */
  #byLists = new ItemHeap()
  #byOthers = new ItemHeap()
  /** Items that came; those from index `#joined` on have not joined yet. */
  #coming: Array<Entry> = []
  #joined = 0
  #entries = 0
  /** The last place that was seen. */
  #place = 0
  #terms: ClearanceTerms = "unknown"
  #listVersion: string | undefined

  /** Items that were screened by the lists announced last, the oldest clearance first. */
  readonly byLists: Iterable<Item> = { [Symbol.iterator]: () => this.#here(this.#byLists) }
  /** Items that were screened by other lists, the oldest clearance first. */
  readonly byOthers: Iterable<Item> = { [Symbol.iterator]: () => this.#here(this.#byOthers) }

  constructor(routes: Routes) {
    this.#routes = routes
  }

  /**
   * Updates the line to the batch, which must always be the same one. Returns how many items joined, at most `limit`. The cost
   * follows the number of items that came and left since the last time. If other lists were announced, all join again.
   */
  follow(batch: Batch, terms: ClearanceTerms, limit = Number.POSITIVE_INFINITY): number {
    this.#terms = terms
    // Nothing is sent or screened again meanwhile, so items may join later.
    if (terms === "unknown") return 0
    if (this.#listVersion !== terms.lists?.version) this.#clear()
    this.#listVersion = terms.lists?.version
    for (const [key, queue] of this.#queues) {
      this.#entries -= queue.dropGone()
      if (queue.size === 0) this.#queues.delete(key)
    }
    if (this.#entries > Math.max(ENTRIES_MIN, 2 * batch.tasks.request.size)) this.#clear()
    this.#note(batch)
    const joined = this.#join(batch, terms, limit)
    this.#dropGone(this.#byLists)
    this.#dropGone(this.#byOthers)
    return joined
  }

  /** Whether items came that have not joined. */
  get isBehind(): boolean {
    return this.#terms !== "unknown" && this.#joined < this.#coming.length
  }

  /** Items by the way they go. Their clearances are by the lists announced last, or by any if none were announced. */
  get queues(): Iterable<Queue> {
    return this.#terms === "unknown" ? [] : this.#queues.values()
  }

  /** Empties the line, so that all items come again. */
  #clear(): void {
    this.#queues.clear()
    this.#items = []
    this.#byLists = new ItemHeap()
    this.#byOthers = new ItemHeap()
    this.#coming = []
    this.#entries = this.#place = this.#joined = 0
  }

  /** Adds items that came since the last time. It walks backwards from the latest. */
  #note(batch: Batch): void {
    if (batch.placeCount === this.#place) return
    const came: Array<Entry> = []
    for (const number of batch.tasks.request.backwards()) {
      const item = batch.items.get(number)
      if (item === undefined || item.place <= this.#place) break
      came.push({ item, place: item.place })
    }
    for (const entry of came.reverse()) this.#coming.push(entry)
    this.#place = batch.placeCount
  }

  #join(batch: Batch, terms: ClearanceTerms, limit: number): number {
    const first = this.#joined
    const end = Math.min(this.#coming.length, first + limit)
    for (let index = first; index < end; index++) {
      const entry = this.#coming[index]
      if (isHere(entry)) this.#put(batch, entry, terms)
    }
    this.#joined = end
    if (end === this.#coming.length) {
      this.#coming = []
      this.#joined = 0
    }
    return end - first
  }

  #put({ partner }: Batch, entry: Entry, terms: ClearanceTerms): void {
    const { item } = entry
    const { lastAnswer } = item
    const isGood = isByLists(lastAnswer?.listVersion, terms)
    const [own, other] = isGood ? [this.#byLists, this.#byOthers] : [this.#byOthers, this.#byLists]
    this.#items[item.item] = item
    other.delete(item.item)
    own.set(item.item, lastAnswer?.at ?? 0)
    if (!isGood) return
    const way = this.#routes.wayOf(item, { partner, after: item.reroute })
    let queue = this.#queues.get(way.key)
    if (queue === undefined) {
      queue = new Queue(way)
      this.#queues.set(way.key, queue)
    }
    queue.push(entry)
    this.#entries += 1
  }

  /** Drops items that left, from the front. */
  #dropGone(heap: ItemHeap): void {
    for (let item = heap.first; item !== undefined && this.#itemHere(item) === undefined; item = heap.first)
      heap.delete(item)
  }

  *#here(heap: ItemHeap): Generator<Item> {
    if (this.#terms === "unknown") return
    for (const number of heap) {
      const item = this.#itemHere(number)
      if (item !== undefined) yield item
    }
  }

  /** The item if it is to be paid and has joined. One that left and came back has not joined until its turn. */
  #itemHere(number: number): Item | undefined {
    const item = this.#items[number]
    if (item?.task !== "request") return undefined
    const next = this.#coming[this.#joined]
    return next === undefined || item.place < next.place ? item : undefined
  }
}

/** Items that go the same way, in the order of paying. */
export class Queue implements Iterable<Item> {
  readonly way: Way
  #entries: Array<Entry> = []
  #first = 0

  constructor(way: Way) {
    this.way = way
  }

  get size(): number {
    return this.#entries.length - this.#first
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Drops items that left, from the front. Returns how many entries. */
  dropGone(): number {
    const before = this.#first
    while (this.size > 0 && !isHere(this.#entries[this.#first])) this.#first += 1
    const dropped = this.#first - before
    if (this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    return dropped
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let index = this.#first; index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      if (isHere(entry)) yield entry.item
    }
  }
}

const isHere = (entry: Entry | undefined): entry is Entry =>
  entry !== undefined && entry.item.task === "request" && entry.item.place === entry.place
