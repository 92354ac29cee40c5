/**
 * The port to the read models: what a partner sees of its batches. They are a moment behind the log. Each answer has the
 * version of the batch's log that it shows.
 */
import { Context, type Effect, Schema } from "effect"
import type { ShownRemark } from "../domain/bank-remark.ts"
import type { AttemptPhase, BatchState, LedgerState } from "../domain/batch.ts"
import type { FindingName, PayeeMatch, Verdict } from "../domain/clearance-answers.ts"
import type { Duplicates } from "../domain/duplicates.ts"
import type { FailureCategory } from "../domain/failure-codes.ts"
import type { BatchId, ItemNumber, PartnerId } from "../domain/identifiers.ts"
import type { PublicItemState } from "../domain/item-state.ts"
import type { TransferFinal } from "../domain/outcomes.ts"
import type { ShownApproval } from "../domain/shown.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { BatchFilter, ItemFilter, ItemSearch } from "./search-filter.ts"

/** The cursor is not one that this list gave. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {}) {}

/** How many items of one currency are in one state, and their sum as a decimal string. */
export interface Total {
  readonly count: number
  readonly amount: string
}

/** Per currency, the item states that occur. Their sum is what was accepted. */
export type Totals = Readonly<Record<string, Readonly<Partial<Record<PublicItemState, Total>>>>>

/** A batch as of `version`. Times are milliseconds since the Unix epoch. */
export interface BatchView {
  readonly id: BatchId
  readonly reference: string | undefined
  readonly idempotencyKey: string
  readonly state: BatchState
  readonly itemCount: number
  readonly totals: Totals
  /** What was found of payouts that were accepted before. */
  readonly duplicates?: Duplicates | undefined
  /** How many rows of its file were left out, if only its good rows were asked for. */
  readonly rejectedRows?: number | undefined
  readonly version: number
  readonly receivedAt: number
  readonly updatedAt: number
  readonly closedAt: number | undefined
  /** Nothing is paid before; absent as well where an earlier release stored the batch, and it has not changed since. */
  readonly executeAt: number | undefined
  /** Absent if it needs none; as well where an earlier release stored the batch, and it has not changed since. */
  readonly approval?: ShownApproval | undefined
  /** The day on which the payouts of each scheme should arrive, once the batch started to pay. */
  readonly expectedArrivals?: ReadonlyArray<{ readonly scheme: string; readonly on: string }> | undefined
}

export interface ClearanceView {
  readonly decision: Verdict
  readonly listVersion: string
  readonly payee?: PayeeMatch
  /** Absent if nothing was found. */
  readonly findings?: ReadonlyArray<FindingView>
}

/** A finding against an item, and whether a reviewer released it. */
export interface FindingView extends FindingName {
  readonly decision: Verdict
  readonly released: boolean
}

/** An attempt to pay an item. Times are milliseconds since the Unix epoch. */
export interface AttemptView {
  readonly attempt: number
  readonly bank: string
  /** Our reference of the transfer. */
  readonly reference: string
  /** The bank's own id, once it accepted it. */
  readonly transferId?: string
  /** Its outcome, or its phase until that is known. */
  readonly state: AttemptPhase | TransferFinal
  /** The bank's code for a failure or a return, and what kind of failure it is. */
  readonly code?: string
  readonly category?: FailureCategory
  readonly requestedAt: number
  readonly concludedAt?: number
}

/** An item as of `version`: the version of its batch that last changed it. */
export interface ItemView {
  readonly item: number
  readonly reference: string
  readonly beneficiaryName: string
  /** Scheme and last four characters of the account; the read models have no more of it. */
  readonly account: string
  readonly currency: string
  /** A decimal string with the currency's decimals. */
  readonly amount: string
  readonly state: PublicItemState
  readonly ledger: LedgerState
  readonly bank: string | undefined
  readonly transferReference: string | undefined
  /** The bank's own id of the last attempt, once it accepted it. */
  readonly transferId?: string | undefined
  readonly attempt: number | undefined
  readonly reason: string | undefined
  /** The compliance engine's decision, the version of its lists, and whether the name is the one on the account. */
  readonly clearance: ClearanceView | undefined
  readonly version: number
  readonly updatedAt: number
  /** In their order; the last one is missing where an earlier release stored the item, and it has not changed since. */
  readonly attempts?: ReadonlyArray<AttemptView> | undefined
}

/** An item with its batch. */
export interface FoundItem extends ItemView {
  readonly batch: BatchId
  /** When its batch was received, in epoch milliseconds. */
  readonly receivedAt: number
}

/** A remark of a bank on an attempt to pay an item, and when the service first read it. */
export interface BankRemarkView extends ShownRemark {
  readonly bank: string
  readonly attempt: number
  readonly seenAt: number
}

/** An item with what banks reported of its attempts beside their state, the earliest first. */
export interface ItemDetail {
  readonly item: ItemView
  readonly remarks: ReadonlyArray<BankRemarkView>
}

/** Part of a list. `next` continues it; it is absent at the end. */
export interface Page<A> {
  readonly entries: ReadonlyArray<A>
  readonly next: string | undefined
}

/** What to list, and from where. */
export type PageRequest<Filter> = Filter & PageTerms

export interface PageTerms {
  /** The `next` of the previous page. */
  readonly cursor?: string | undefined
  /** The most entries, from 1 to the maximum of the list; higher values are reduced to it. */
  readonly limit: number
}

export const BATCHES_PER_PAGE_MAX = 200
export const ITEMS_PER_PAGE_MAX = 500
/** Remarks of one item that are shown. */
export const REMARKS_MAX = 100

/** Every query is scoped by partner: another partner's batch does not exist. */
export class BatchQueries extends Context.Service<
  BatchQueries,
  {
    readonly batch: (
      partner: PartnerId,
      id: BatchId,
    ) => Effect.Effect<BatchView | undefined, StoreUnavailable>
    /** Newest first. With a filter, a page may have fewer entries than its limit, or none, before the end. */
    readonly batches: (
      partner: PartnerId,
      request: PageRequest<BatchFilter>,
    ) => Effect.Effect<Page<BatchView>, StoreUnavailable | InvalidCursor>
    /** By item number, with the batch's version; `undefined` if the partner has no such batch. */
    readonly items: (
      partner: PartnerId,
      id: BatchId,
      request: PageRequest<ItemFilter>,
    ) => Effect.Effect<
      (Page<ItemView> & { readonly version: number }) | undefined,
      StoreUnavailable | InvalidCursor
    >
    /**
     * Items of all batches of a partner: those of the batch that was received last come first, in their order. A page looks at
     * a limited number of items, so it may have fewer entries than its limit, or none, before the end. A batch is found once
     * all of its items are shown.
     */
    readonly search: (
      partner: PartnerId,
      request: PageRequest<ItemSearch>,
    ) => Effect.Effect<Page<FoundItem>, StoreUnavailable | InvalidCursor>
    /** How many items a partner's batch has, if all of them are shown; `undefined` if not, or if there is no such batch. */
    readonly wholeBatch: (
      partner: PartnerId,
      id: BatchId,
    ) => Effect.Effect<number | undefined, StoreUnavailable>
    /**
     * An item with its banks' remarks, at most {@link REMARKS_MAX}; `"no such item"` if the batch has none of that number, and
     * `undefined` if the partner has no such batch, or the read models do not have the item yet. Remarks come from the banks' files and not from the log: rebuilt read
     * models show them as before.
     */
    readonly item: (
      partner: PartnerId,
      id: BatchId,
      item: ItemNumber,
    ) => Effect.Effect<ItemDetail | "no such item" | undefined, StoreUnavailable>
  }
>()("atlaspay/projections/BatchQueries") {}
