import { type Attempt, type Batch, type Item, itemOf } from "../domain/batch.ts"
import type { BatchId, TransferKey } from "../domain/identifiers.ts"

/** What of an item others are told; it never changes, so it is handed on as it is. */
export type Payout = Pick<Item, "item" | "reference" | "beneficiary" | "currency" | "minor" | "remittance">

/** The items of a batch by their numbers. */
export const itemsOf = (batch: Batch, numbers: ReadonlyArray<number>): ReadonlyArray<Payout> =>
  numbers.map((number) => itemOf(batch, number))

/** One attempt to pay an item, as it stood when its call was planned: the batch changes in place meanwhile. */
export interface DueTransfer
  extends TransferKey,
    Readonly<Pick<Attempt, "bank" | "reference" | "requestedAt" | "sends" | "inquiries">> {
  readonly payout: Payout
}

/** The transfers of items, as they are now. */
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
