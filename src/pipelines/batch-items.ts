import { type Attempt, type Batch, type Item, itemOf } from "../domain/batch.ts"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"

/** The part of an item that providers receive. It never changes, so it is passed on without a copy. */
export type Payout = Pick<Item, "item" | "reference" | "beneficiary" | "currency" | "minor" | "remittance">

/** The items of a batch with these numbers. */
export const itemsOf = (batch: Batch, numbers: ReadonlyArray<number>): ReadonlyArray<Payout> =>
  numbers.map((number) => itemOf(batch, number))

/** One attempt to pay an item, copied when its call was planned, because the batch changes in place meanwhile. */
export interface DueTransfer
  extends TransferKey,
    Readonly<Pick<Attempt, "bank" | "reference" | "requestedAt" | "sends" | "inquiries">> {
  readonly payout: Payout
}

/** The current attempts of items. Throws if an item has none. */
export const transfersOf = (
  id: BatchId,
  batch: Batch,
  numbers: ReadonlyArray<number>,
): ReadonlyArray<DueTransfer> =>
  numbers.map((number) => {
    const payout = itemOf(batch, number)
    if (payout.attempt === undefined) throw new Error(`item ${number} is to be paid without an intent`)
    const { attempt, bank, reference, requestedAt, sends, inquiries } = payout.attempt
    return { batch: id, item: number, attempt, bank, reference, requestedAt, sends, inquiries, payout }
  })
