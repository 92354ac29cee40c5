/**
 * Where `plan` finds what is due beside the tasks, without a look at the rest: whom to ask about, what was refused, and what
 * is tried again.
 */
import type { Batch, Item } from "./batch.ts"
import { ItemHeap } from "./item-heap.ts"
import type { ItemSet } from "./item-set.ts"
import { isRerouteDue, isRetryDue } from "./task.ts"

/** Before anything of an item changes that says where it is in the heaps. */
export const leaveIndex = (batch: Batch, item: Item): void => {
  if (item.task === "inquire") batch.inquiries.get(bankOf(item))?.delete(item.item)
}

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
  if (attempt === undefined) throw new Error(`item ${item} is to be asked about without an attempt`)
  return attempt.bank
}

/** A heap that has become empty is kept, as it is soon filled again, until another one is made. */
const put = (index: Map<string, ItemHeap>, bank: string, { item }: Item, at: number): void => {
  let heap = index.get(bank)
  if (heap === undefined) {
    for (const [other, { size }] of index) if (size === 0) index.delete(other)
    heap = new ItemHeap()
    index.set(bank, heap)
  }
  heap.set(item, at)
}
