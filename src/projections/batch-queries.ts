/**
 * What a partner can see of its batches: the port to the read models. They follow the log by moments; each answer
 * carries the version of the batch's log that it shows.
 */
import { Context, type Effect, Schema } from "effect"
import type { BatchState, LedgerState } from "../domain/batch.ts"
import type { FindingName, PayeeMatch, Verdict } from "../domain/clearance-words.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import type { ItemState } from "../domain/item-state.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The cursor is not one that a page of this list ended with. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {}) {}

/** How many items of one currency are in one state, and their sum as a decimal string. */
export interface Total {
  readonly count: number
  readonly amount: string
}

/** Per currency, the item states that occur. Their sum is what was accepted. */
export type Totals = Readonly<Record<string, Readonly<Partial<Record<ItemState, Total>>>>>

/** A batch as of `version`. Times are milliseconds since the Unix epoch. */
export interface BatchView {
  readonly id: BatchId
  readonly reference: string | undefined
  readonly idempotencyKey: string
  readonly state: BatchState
  readonly itemCount: number
  readonly totals: Totals
  readonly version: number
  readonly receivedAt: number
  readonly updatedAt: number
  readonly closedAt: number | undefined
  /** Nothing is paid before; absent as well where an earlier release stored the batch, and it has not changed since. */
  readonly executeAt: number | undefined
}

export interface ClearanceView {
  readonly decision: Verdict
  readonly listVersion: string
  readonly payee?: PayeeMatch
  /** Absent where nothing was found. */
  readonly findings?: ReadonlyArray<FindingView>
}

/** What was found against an item, and whether a reviewer released it all the same. */
export interface FindingView extends FindingName {
  readonly decision: Verdict
  readonly released: boolean
}

/** An item as of `version`, which is the version of its batch that last changed it. */
export interface ItemView {
  readonly item: number
  readonly reference: string
  readonly beneficiaryName: string
  /** Scheme and last four characters: all that is known here of the account. */
  readonly account: string
  readonly currency: string
  /** A decimal string with the currency's decimals. */
  readonly amount: string
  readonly state: ItemState
  readonly ledger: LedgerState
  readonly bank: string | undefined
  readonly transferReference: string | undefined
  readonly attempt: number | undefined
  readonly reason: string | undefined
  /** What the compliance engine said, by which version of its lists, and whether the name is the one on the account. */
  readonly clearance: ClearanceView | undefined
  readonly version: number
  readonly updatedAt: number
}

/** Part of a list; `next` continues it, and is absent at its end. */
export interface Page<A> {
  readonly entries: ReadonlyArray<A>
  readonly next: string | undefined
}

export interface PageRequest<State> {
  readonly state?: State | undefined
  /** The `next` of the page before. */
  readonly cursor?: string | undefined
  /** How many entries at most, from 1; more than the list's maximum is cut down to it. */
  readonly limit: number
}

export const BATCHES_PER_PAGE_MAX = 200
export const ITEMS_PER_PAGE_MAX = 500

/** Every query is scoped by partner: another partner's batch does not exist. */
export class BatchQueries extends Context.Service<
  BatchQueries,
  {
    readonly batch: (
      partner: PartnerId,
      id: BatchId,
    ) => Effect.Effect<BatchView | undefined, StoreUnavailable>
    /** Newest first. */
    readonly batches: (
      partner: PartnerId,
      request: PageRequest<BatchState>,
    ) => Effect.Effect<Page<BatchView>, StoreUnavailable | InvalidCursor>
    /** In the order of their numbers, with the batch's version; `undefined` when the partner has no such batch. */
    readonly items: (
      partner: PartnerId,
      id: BatchId,
      request: PageRequest<ItemState>,
    ) => Effect.Effect<
      (Page<ItemView> & { readonly version: number }) | undefined,
      StoreUnavailable | InvalidCursor
    >
  }
>()("atlaspay/projections/BatchQueries") {}
