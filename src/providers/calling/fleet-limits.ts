import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"

/** What all processes together may do with one provider. */
export interface Limits {
  readonly concurrencyOfAll?: number
  readonly ratePerSecond?: number
}

/** What a process does and would like to do. */
export interface Booking {
  /** Calls under way. */
  readonly underWay: number
  /** Calls that it would have under way if it could. */
  readonly seatsWanted: number
  /** Calls that wait for nothing but the rate. */
  readonly startsWanted: number
  /** How long its seats stay reserved without another booking: those of a process that died are free then. */
  readonly leaseMs: number
}

/** What it may. */
export interface Booked {
  /** Calls under way until the lease is over. It may be told to come down to fewer than it has. */
  readonly seats: number
  /** Calls that it may begin at once. */
  readonly starts: number
  /** When asking for more starts may have an effect. */
  readonly waitMs: number
}

/** Limits that hold for all processes together. */
export class FleetLimits extends Context.Service<
  FleetLimits,
  {
    /** Books for this process, which says each time all that it has and wants: a repetition takes no seat twice. */
    readonly book: (
      provider: string,
      limits: Limits,
      booking: Booking,
    ) => Effect.Effect<Booked, StoreUnavailable>
  }
>()("atlaspay/providers/FleetLimits") {}
