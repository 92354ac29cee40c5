/** What a list of batches or items is narrowed to. What is absent narrows nothing. */
import type { BatchState } from "../domain/batch.ts"
import type { PublicItemState } from "../domain/item-state.ts"

/** Times are epoch milliseconds: from the first one on, and before the second one. */
export interface Received {
  readonly receivedFrom?: number | undefined
  readonly receivedTo?: number | undefined
}

/** In minor units of the currency; both ends are included. */
export interface AmountRange {
  readonly currency: string
  readonly from: bigint | undefined
  readonly to: bigint | undefined
}

export interface BatchFilter extends Received {
  readonly state?: ReadonlyArray<BatchState> | undefined
  readonly currency?: string | undefined
  /** Of the accepted total in the currency. */
  readonly amount?: AmountRange | undefined
  readonly reference?: string | undefined
}

export interface ItemFilter {
  readonly state?: ReadonlyArray<PublicItemState> | undefined
  readonly currency?: string | undefined
  readonly amount?: AmountRange | undefined
  readonly reference?: string | undefined
  /** Up to four characters in upper case: the end of the beneficiary's account. */
  readonly lastFour?: string | undefined
  /** The bank's code, of an item that failed or was returned. */
  readonly failureCode?: string | undefined
  /** Our reference of any attempt, its UETR, or the bank's own id of it. */
  readonly providerReference?: string | undefined
}

/** Items of all batches that were received in a time. */
export interface ItemSearch extends ItemFilter, Received {}

/** The same text for the same filter, and another one for another. */
export const filterText = (filter: object): string =>
  JSON.stringify(
    Object.entries(filter)
      .filter(([, value]) => value !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
    (_, value) => (typeof value === "bigint" ? value.toString() : value),
  )
