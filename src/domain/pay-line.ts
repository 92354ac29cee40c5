/**
 * Items to be paid, in one queue for each way that they may go and for each version of the lists that they were screened by:
 * whoever plans looks past all items of a closed bank at once.
 *
 * Ways follow from the settings, so a line is no part of what the log says: it is kept beside a batch, follows it, and can be
 * made anew at any time. It holds no more than twice what is to be paid: what left is dropped when it comes to the
 * front, and all queues are made anew when there is too much of it behind.
 */
import type { Batch, Item } from "./batch.ts"
import type { Routes, Way } from "./routing.ts"

/** Fewer entries than this are never too many. */
const ENTRIES_MIN = 1_024

interface Entry {
  readonly item: Item
  /** The item's place when it joined: it has another one when it left and came back. */
  readonly place: number
}

export class PayLine {
  readonly #routes: Routes
  readonly #queues = new Map<string, Queue>()
  #entries = 0
  /** The last place that was given a queue. */
  #place = 0

  constructor(routes: Routes) {
    this.#routes = routes
  }

  /** The queues of the batch as it is now. Costs what joined and left since the last time; the batch is always the same one. */
  follow(batch: Batch): Iterable<Queue> {
    this.#join(batch)
    for (const [key, queue] of this.#queues) {
      this.#entries -= queue.dropGone()
      if (queue.size === 0) this.#queues.delete(key)
    }
    if (this.#entries > Math.max(ENTRIES_MIN, 2 * batch.tasks.request.size)) {
      this.#queues.clear()
      this.#entries = this.#place = 0
      this.#join(batch)
    }
    return this.#queues.values()
  }

  #join(batch: Batch): void {
    const joined: Array<Item> = []
    for (const number of batch.tasks.request.backwards()) {
      const item = batch.items.get(number)
      if (item === undefined || item.place <= this.#place) break
      joined.push(item)
    }
    for (const item of joined.reverse()) this.#queueOf(batch, item).push(item)
    this.#entries += joined.length
    this.#place = batch.placeCount
  }

  #queueOf({ partner }: Batch, item: Item): Queue {
    const way = this.#routes.wayOf(item, { partner, after: item.reroute })
    const listVersion = item.screened?.listVersion
    const key = listVersion === undefined ? way.key : `${way.key}\n${listVersion}`
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      queue = new Queue(way, listVersion)
      this.#queues.set(key, queue)
    }
    return queue
  }
}

/** Items that go the same way, in the order in which they are to be paid. */
export class Queue implements Iterable<Item> {
  readonly way: Way
  readonly listVersion: string | undefined
  #entries: Array<Entry> = []
  #first = 0

  constructor(way: Way, listVersion: string | undefined) {
    this.way = way
    this.listVersion = listVersion
  }

  get size(): number {
    return this.#entries.length - this.#first
  }

  push(item: Item): void {
    this.#entries.push({ item, place: item.place })
  }

  /** Drops what left from the front; gives how many entries that were. */
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
      if (entry !== undefined && isHere(entry)) yield entry.item
    }
  }
}

const isHere = (entry: Entry | undefined): boolean =>
  entry !== undefined && entry.item.task === "request" && entry.item.place === entry.place
