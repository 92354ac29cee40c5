import type { Ownership } from "../streams/run-queue.ts"

/**
 * A point in time by two clocks, in milliseconds. The monotonic clock may stop while the machine is suspended, and the wall
 * clock may be set. So a lease counts as young only if it is young by both.
 */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** Now, by both clocks. */
export const moment = (): Moment => ({ monotonic: performance.now(), wall: Date.now() })

/**
 * A worker's ownership of a batch: the entry it owns, and when it last renewed it. No other worker takes the batch before
 * the claim time has passed since then. A call to a bank starts only well within that time, so a worker that slept finds its
 * lease old and calls no bank.
 */
export interface Lease {
  readonly owned: Ownership
  renewedAt: Moment
}

/** The part of the claim time in which a lease is good. The rest is for the call to arrive. */
const GOOD_PART = 0.75

/** Whether a lease is young enough to start a call to a bank. `claimMs` is the claim time. */
export const isGood = ({ renewedAt }: Lease, claimMs: number, now = moment()): boolean => {
  const limit = claimMs * GOOD_PART
  const wallAge = now.wall - renewedAt.wall
  return now.monotonic - renewedAt.monotonic < limit && wallAge >= 0 && wallAge < limit
}
