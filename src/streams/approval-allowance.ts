/**
 * The amount that a partner may have accepted in a day without approval, over all its batches. So splitting a payment into
 * several batches does not avoid approval.
 */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** A batch's total in a currency, and the limit of a day; in minor units. */
export interface AllowanceOf {
  readonly currency: string
  readonly minor: bigint
  readonly perDay: bigint
}

export class ApprovalAllowance extends Context.Service<
  ApprovalAllowance,
  {
    /**
     * Takes all amounts from what is left for the last 24 hours and gives `true`, or takes none and gives `false`. It is
     * one atomic step. For a quarter of an hour, a repetition with the same id takes nothing more: an intake that was
     * interrupted before its batch was logged is repeated. What was taken is never given back, whatever becomes of the
     * batch.
     */
    readonly take: (
      partner: PartnerId,
      id: string,
      amounts: ReadonlyArray<AllowanceOf>,
    ) => Effect.Effect<boolean, StoreUnavailable>
    /** Whether `take` would give `true` now. Takes nothing. The time is that of this process. */
    readonly wouldTake: (
      partner: PartnerId,
      id: string,
      amounts: ReadonlyArray<AllowanceOf>,
    ) => Effect.Effect<boolean, StoreUnavailable>
  }
>()("atlaspay/streams/ApprovalAllowance") {}
