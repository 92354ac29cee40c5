/**
 * What a partner was accepted in the last 24 hours, where its settings limit that. Each accepted batch counts exactly once: it is
 * counted before it is in its log, under an id that a repetition of the request shares, and the count is given back if the log
 * says that no batch was opened by it.
 */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** A batch's total in a currency, and the most of a day; in minor units. Both are at most 15 digits. */
export interface DayAmount {
  readonly currency: string
  readonly minor: bigint
  readonly max: bigint
}

/** A batch was counted, or would exceed the limit in a currency. `at` is epoch milliseconds by the store's clock. */
export type Count =
  | { readonly _tag: "Counted"; readonly at: number }
  | { readonly _tag: "Exceeded"; readonly currency: string; readonly at: number }

/** A count whose batch is not known to be opened: its id, and when it was counted last. */
export interface OpenCount {
  readonly id: string
  readonly at: number
}

export class DayLimit extends Context.Service<
  DayLimit,
  {
    /**
     * Counts all amounts or none, in one atomic step. What was counted under the id and is not opened counts from now on in its
     * place; what is opened is not counted again. Resolves once the count survives a failover.
     */
    readonly count: (
      partner: PartnerId,
      id: string,
      amounts: ReadonlyArray<DayAmount>,
    ) => Effect.Effect<Count, StoreUnavailable>
    /**
     * What counts now by currency, in minor units, without what was counted under the id and is not opened. Counts nothing. The
     * time is that of this process.
     */
    readonly taken: (
      partner: PartnerId,
      id: string,
    ) => Effect.Effect<ReadonlyMap<string, bigint>, StoreUnavailable>
    /** Notes that the batch of a count is in its log. */
    readonly opened: (partner: PartnerId, id: string) => Effect.Effect<void, StoreUnavailable>
    /**
     * Gives a count back whose batch is not opened by it, and gives whether it was. Nothing happens if it was opened, or counted
     * again since.
     */
    readonly giveBack: (partner: PartnerId, count: OpenCount) => Effect.Effect<boolean, StoreUnavailable>
    /** The oldest counts that are not known to be opened, and were made before a time; at most `limit`. */
    readonly open: (
      partner: PartnerId,
      before: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OpenCount>, StoreUnavailable>
  }
>()("atlaspay/streams/DayLimit") {}
