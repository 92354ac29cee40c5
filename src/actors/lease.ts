import type { Ownership } from "../streams/event-log.ts"

/**
 * A worker's hold on a batch: the entry it owns, and when it last proved so. Nobody else takes the batch before the
 * claim time has passed since then, so a call to a bank may start only well within it: a worker that slept finds
 * its lease old, and calls nobody.
 */
export interface Lease {
  readonly owned: Ownership
  /** Milliseconds of the monotonic clock. */
  renewedAt: number
}

/** The part of the claim time in which a lease is good: the rest is for the call to arrive. */
const GOOD_PART = 0.75

export const isGood = (lease: Lease, claimMs: number): boolean =>
  performance.now() - lease.renewedAt < claimMs * GOOD_PART
