import { Context, type Effect } from "effect"
import type { Day } from "../domain/business-days.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Discrepancy, DiscrepancyKind } from "./discrepancy.ts"
import type { Explained } from "./explained-amounts.ts"

/** What a run compared, and what it found. */
export interface Reconciliation {
  readonly day: Day
  /** When it ended, in milliseconds since the Unix epoch. */
  readonly at: number
  readonly compared: {
    /** Batches whose logs were read. */
    readonly batches: number
    /** Lines of bank statements and of the ledger's books that were read, of all days. */
    readonly statementEntries: number
    readonly ledgerLines: number
  }
  readonly discrepancies: ReadonlyArray<Discrepancy>
  /** Amounts that differ by what the bank explains. They are reported and not stored: the statements have them. */
  readonly explained: Explained
}

/** What the last run found, for the gauge. */
export interface LastReconciliation {
  readonly day: Day
  readonly byKind: ReadonlyMap<DiscrepancyKind, number>
}

/** The store of results, and the list of batches to compare. */
export class ReconciliationResults extends Context.Service<
  ReconciliationResults,
  {
    /**
     * Batches that were received before the end of the day and changed since its beginning, so all that may have an event
     * on that day. In the order of their ids, after one of them ("" for the first page).
     */
    readonly aliveOn: (
      day: Day,
      after: BatchId | "",
      limit: number,
    ) => Effect.Effect<ReadonlyArray<BatchId>, StoreUnavailable>
    /** Replaces the result of an earlier run of the day, completely or not at all. */
    readonly store: (run: Reconciliation) => Effect.Effect<void, StoreUnavailable>
    /** The result for the latest day that was compared; `undefined` if there is none. */
    readonly last: Effect.Effect<LastReconciliation | undefined, StoreUnavailable>
  }
>()("atlaspay/reconciliation/ReconciliationResults") {}
