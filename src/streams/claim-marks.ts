/**
 * The last claim on payouts that each partner made, kept in the other store than the claims themselves: a register of
 * claims that does not have it is older than it was.
 */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

export class ClaimMarks extends Context.Service<
  ClaimMarks,
  {
    /** The partner's last claim, if it made one in so many days, and the time by the store of the marks (epoch ms). */
    readonly last: (
      partner: PartnerId,
      days: number,
    ) => Effect.Effect<{ readonly claim: string | undefined; readonly now: number }, StoreUnavailable>
    /** Notes a claim for `days`, unless a later one is noted. Claims are in the order of `claimedAt` (epoch ms). */
    readonly note: (
      partner: PartnerId,
      claim: { readonly id: string; readonly claimedAt: number },
      days: number,
    ) => Effect.Effect<void, StoreUnavailable>
    /** Forgets the partner's last claim: the register counts as complete. */
    readonly forget: (partner: PartnerId) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/streams/ClaimMarks") {}
