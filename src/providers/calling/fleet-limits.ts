import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"

/** The limits on all processes' calls to one provider. */
export interface Limits {
  readonly concurrencyOfAll?: number
  readonly ratePerSecond?: number
}

/** The calls that a process makes and wants to make. */
export interface Booking {
  /** Calls under way. */
  readonly underWay: number
  /** Calls that it would have under way without the limit. */
  readonly seatsWanted: number
  /** Calls that wait for the rate alone. */
  readonly startsWanted: number
  /** How long its seats stay reserved without another booking. The seats of a process that died are free after that. */
  readonly leaseMs: number
}

/** The calls that it may make. */
export interface Booked {
  /** Calls that it may have under way until the lease is over; possibly fewer than it has now. */
  readonly seats: number
  /** Calls that it may start at once. */
  readonly starts: number
  /** In how many milliseconds it may get more starts. */
  readonly waitMs: number
}

/** Limits on the calls of all processes together. */
export class FleetLimits extends Context.Service<
  FleetLimits,
  {
    /**
     * Books calls for this process. Each booking states everything that the process has and wants, so repeating it takes no
     * seat twice.
     */
    readonly book: (
      provider: string,
      limits: Limits,
      booking: Booking,
    ) => Effect.Effect<Booked, StoreUnavailable>
  }
>()("atlaspay/providers/FleetLimits") {}
