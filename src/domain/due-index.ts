/**
 * Indexes by which `plan` finds due work beside the tasks, without a walk through all items: inquiries, refused postings,
 * retries and reroutes.
 */
import type { Batch, Item } from "./batch.ts"
import { ItemHeap } from "./item-heap.ts"
import type { ItemSet } from "./item-set.ts"
import { isRerouteDue, isRetryDue } from "./task.ts"

/** Takes an item out of the heaps. Call it before its bank, task or time of inquiry changes. */
export const leaveIndex = (batch: Batch, item: Item): void => {
  if (item.task === "inquire") batch.inquiries.get(bankOf(item))?.delete(item.item)
}

/** Puts an item into the indexes, by its state now. */
export const enterIndex = (batch: Batch, item: Item): void => {
  if (item.task === "inquire") put(batch.inquiries, bankOf(item), item, item.attempt?.inquireAt ?? 0)
  note(batch.refused, item, item.refusal !== undefined)
  note(batch.retries, item, isRetryDue(batch, item))
  note(batch.reroutes, item, isRerouteDue(item))
}

const note = (items: ItemSet, { item }: Item, isThere: boolean): void => {
  if (isThere) items.add(item)
  else if (items.size > 0) items.delete(item)
}

const bankOf = ({ item, attempt }: Item): string => {
  if (attempt === undefined) throw new Error(`item ${item} has no attempt to ask its bank about`)
  return attempt.bank
}

/** An empty heap is kept, because it is often filled again soon, until a new one is made. */
const put = (index: Map<string, ItemHeap>, bank: string, { item }: Item, at: number): void => {
  let heap = index.get(bank)
  if (heap === undefined) {
    for (const [other, { size }] of index) if (size === 0) index.delete(other)
    heap = new ItemHeap()
    index.set(bank, heap)
  }
  heap.set(item, at)
}
