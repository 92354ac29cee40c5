import type { Attempt, Batch, Item } from "../domain/batch.ts"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"

/** The items of a batch by their numbers, as they are now. */
export const itemsOf = (batch: Batch, numbers: ReadonlyArray<number>): ReadonlyArray<Item> =>
  numbers.map((number) => {
    const item = batch.items.get(number)
    if (item === undefined) throw new Error(`item ${number} is planned for and not in the batch`)
    return { ...item }
  })

/** One attempt to pay an item, as it stood when its call was planned. */
export interface DueTransfer extends Readonly<TransferKey & Attempt> {
  readonly payout: Item
}

/** The transfers of items, as they are now: the batch changes in place while the calls are made. */
export const transfersOf = (
  id: BatchId,
  batch: Batch,
  numbers: ReadonlyArray<number>,
): ReadonlyArray<DueTransfer> =>
  itemsOf(batch, numbers).map((payout) => {
    if (payout.transfer === undefined) throw new Error(`item ${payout.item} is to be paid without an intent`)
    return { ...payout.transfer, batch: id, item: payout.item, payout }
  })
