import type { Ownership } from "../streams/run-queue.ts"

/**
 * A point in time by two clocks, in milliseconds: the monotonic one may stand still while the machine is suspended, the
 * wall clock may be set. What is young by both is young.
 */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export const moment = (): Moment => ({ monotonic: performance.now(), wall: Date.now() })

/**
 * A worker's hold on a batch: the entry it owns, and when it last proved so. Nobody else takes the batch before the
 * claim time has passed since then, so a call to a bank may start only well within it: a worker that slept finds
 * its lease old, and calls nobody.
 */
export interface Lease {
  readonly owned: Ownership
  renewedAt: Moment
}

/** The part of the claim time in which a lease is good: the rest is for the call to arrive. */
const GOOD_PART = 0.75

export const isGood = ({ renewedAt }: Lease, claimMs: number, now = moment()): boolean => {
  const limit = claimMs * GOOD_PART
  const wallAge = now.wall - renewedAt.wall
  return now.monotonic - renewedAt.monotonic < limit && wallAge >= 0 && wallAge < limit
}
