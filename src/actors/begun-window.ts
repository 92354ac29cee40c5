/**
 * Whether a worker may begin new batches. Without a limit it begins them as fast as it can send, and a backlog settles side by
 * side: the reports about the first batches wait behind payouts of the last.
 *
 * The window is full while the banks still have to report so many payouts of batches that this worker released. A batch
 * counts for {@link REST_MS} after each release: one that rests for longer waits for its bank, not for this worker, and a slow bank
 * must not keep new batches from the others. However full the window is, one batch may begin every {@link ONE_MORE_EVERY_MS}.
 */
import type { BatchId } from "../domain/identifiers.ts"

/** How long a batch at rest counts. Milliseconds. */
export const REST_MS = 5_000
/** How often one batch may begin although the window is full. Milliseconds. */
export const ONE_MORE_EVERY_MS = 250

interface Resting {
  readonly payouts: number
  readonly since: number
}

/** Times are in milliseconds of a monotonic clock. */
export class BegunWindow {
  readonly #payoutsMax: number
  /** In the order of their release. Each counts at least 1, so at most as many as the window has payouts, and a few more. */
  readonly #resting = new Map<BatchId, Resting>()
  #payouts = 0
  #begunAt = Number.NEGATIVE_INFINITY

  constructor(payoutsMax: number) {
    this.#payoutsMax = payoutsMax
  }

  /** The batch was released at `now`, and its banks have to report this many payouts. */
  rests(batch: BatchId, payouts: number, now: number): void {
    this.leaves(batch)
    const resting = { payouts: payouts + 1, since: now }
    this.#resting.set(batch, resting)
    this.#payouts += resting.payouts
  }

  /** The batch is owned again, or closed. */
  leaves(batch: BatchId): void {
    const resting = this.#resting.get(batch)
    if (resting === undefined) return
    this.#resting.delete(batch)
    this.#payouts -= resting.payouts
  }

  isFull(now: number): boolean {
    for (const [batch, { since }] of this.#resting) {
      if (now - since < REST_MS) break
      this.leaves(batch)
    }
    return this.#payouts >= this.#payoutsMax
  }

  /** Whether {@link begin} would allow a new batch at `now`. */
  mayBegin(now: number): boolean {
    return !this.isFull(now) || now - this.#begunAt >= ONE_MORE_EVERY_MS
  }

  /** Begins a new batch at `now`, if that is allowed. */
  begin(now: number): boolean {
    if (!this.mayBegin(now)) return false
    this.#begunAt = now
    return true
  }
}
