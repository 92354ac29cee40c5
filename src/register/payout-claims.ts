import { Context, type Effect } from "effect"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** A request's claim on the payouts of its batch. */
export interface PayoutClaim {
  /** A UUID of the request's own: a repetition of the request makes another claim for the same batch. */
  readonly id: string
  readonly partner: PartnerId
  readonly batch: BatchId
  /** The digest of the request body. */
  readonly request: string
}

/** A payout by a fingerprint: 32 hexadecimal digits. One that is not `compared` is only kept for later claims. */
export interface ClaimedPayout {
  readonly item: number
  readonly fingerprint: string
  readonly compared: boolean
}

/** What is compared with earlier claims, and how. */
export interface ClaimTerms {
  /** Claims that are older are not looked at. The new claim is kept for longer than that. */
  readonly days: number
  /** A claim that the register must have, unless it is older than it was. */
  readonly known: string | undefined
}

/** A claim of another batch of the partner that has fingerprints in common with a new one. */
export interface EarlierClaim {
  readonly batch: BatchId
  readonly request: string
  /** Whether its batch is known to have been opened. Otherwise the log says so. */
  readonly opened: boolean
  /** Since it was made, by the register's clock. */
  readonly ageMs: number
  /** The new item and the earlier one that share a fingerprint. */
  readonly pairs: ReadonlyArray<readonly [item: number, earlier: number]>
}

export interface Claimed {
  /** The latest first. */
  readonly earlier: ReadonlyArray<EarlierClaim>
  /** There are more pairs than are given. */
  readonly isCutShort: boolean
  /** Whether the claim that is known is there; the register has lost some otherwise. */
  readonly hasKnown: boolean
  /** Epoch milliseconds by the register's clock; later for each claim of a partner. */
  readonly claimedAt: number
}

/**
 * The register of payouts that were claimed before their batches were opened. Claims of one partner are made one after
 * the other, so of two requests that claim the same payout at a time the second one sees the first.
 */
export class PayoutClaims extends Context.Service<
  PayoutClaims,
  {
    /** Makes a claim and gives the earlier claims of other batches of the partner that it meets, in one step. */
    readonly claim: (
      claim: PayoutClaim,
      payouts: ReadonlyArray<ClaimedPayout>,
      terms: ClaimTerms,
    ) => Effect.Effect<Claimed, StoreUnavailable>
    /** The earlier claims that a claim would meet, without making one. */
    readonly look: (
      claim: Pick<PayoutClaim, "partner" | "batch">,
      payouts: ReadonlyArray<ClaimedPayout>,
      days: number,
    ) => Effect.Effect<Pick<Claimed, "earlier" | "isCutShort">, StoreUnavailable>
    /** Notes that the batch of a claim was opened. */
    readonly opened: (id: string) => Effect.Effect<void, StoreUnavailable>
    /** Takes back what a claim claims whose batch will not be opened by it. The claim itself stays: it may be looked for. */
    readonly release: (id: string) => Effect.Effect<void, StoreUnavailable>
    /** Forgets a bounded number of fingerprints and claims that no policy looks at any more; gives how many. */
    readonly prune: Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/register/PayoutClaims") {}
