/**
 * What a partner may have accepted in a day without anybody's approval, over all its batches: who splits a payment gets no
 * further than who sends it whole.
 */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** What a batch adds up to in a currency, and what a day may; in minor units. */
export interface AllowanceOf {
  readonly currency: string
  readonly minor: bigint
  readonly perDay: bigint
}

export class ApprovalAllowance extends Context.Service<
  ApprovalAllowance,
  {
    /**
     * Takes all amounts off what is left of the last 24 hours, or none of them and gives `false`. It is one step, however
     * many do so at a time. Under the same id it takes nothing more for a quarter of an hour: an intake that was cut off
     * before the batch was in its log is repeated. What is taken is not given back, whatever becomes of the batch.
     */
    readonly take: (
      partner: PartnerId,
      id: string,
      amounts: ReadonlyArray<AllowanceOf>,
    ) => Effect.Effect<boolean, StoreUnavailable>
  }
>()("atlaspay/streams/ApprovalAllowance") {}
