/**
 * Whether a worker may begin new batches. Without a limit it begins them as fast as it can send, and a backlog settles side by
 * side: the reports about the first batches wait behind payouts of the last.
 *
 * The window is full while the banks still have to report so many payouts of batches that this worker released. A batch
 * counts for {@link REST_MS} after the release at which it had more to report than ever before, and then no more, however often
 * it is owned and released: it waits for its bank, not for this worker, and a slow bank must not keep new batches from the others.
 * However full the window is, one batch may begin every {@link ONE_MORE_EVERY_MS}.
 */
import type { BatchId } from "../domain/identifiers.ts"

/** How long a batch counts. Milliseconds. */
export const REST_MS = 5_000
/** How often one batch may begin although the window is full. Milliseconds. */
export const ONE_MORE_EVERY_MS = 250

/** Batches that are remembered because they no longer count: as many as may be open. The oldest is forgotten first, and may count again. */
const SLOW_MAX = 20_000

interface Begun {
  /** The most that it counted at a release, and when that was. */
  readonly most: number
  readonly since: number
  /** What it counts now: at least 1 at rest, and 0 while it is owned. */
  counts: number
}

/** Times are in milliseconds of a monotonic clock. */
export class BegunWindow {
  readonly #payoutsMax: number
  /** In the order of `since`. Those at rest are at most as many as the window has payouts, and a few more. */
  readonly #begun = new Map<BatchId, Begun>()
  /** What batches that no longer count had at most. */
  readonly #slow = new Map<BatchId, number>()
  #payouts = 0
  #begunAt = Number.NEGATIVE_INFINITY

  constructor(payoutsMax: number) {
    this.#payoutsMax = payoutsMax
  }

  /** The batch was released at `now`, and its banks have to report this many payouts. */
  rests(batch: BatchId, payouts: number, now: number): void {
    const counts = payouts + 1
    const begun = this.#begun.get(batch)
    const most = begun?.most ?? this.#slow.get(batch) ?? 0
    if (counts > most) {
      this.closed(batch)
      this.#begun.set(batch, { most: counts, since: now, counts })
      this.#payouts += counts
    } else if (begun !== undefined) {
      this.#payouts += counts - begun.counts
      begun.counts = counts
    }
  }

  /** The batch is owned again. */
  leaves(batch: BatchId): void {
    const begun = this.#begun.get(batch)
    if (begun === undefined) return
    this.#payouts -= begun.counts
    begun.counts = 0
  }

  closed(batch: BatchId): void {
    this.leaves(batch)
    this.#begun.delete(batch)
    this.#slow.delete(batch)
  }

  isFull(now: number): boolean {
    for (const [batch, { most, since }] of this.#begun) {
      if (now - since < REST_MS) break
      this.closed(batch)
      this.#slow.set(batch, most)
    }
    for (const oldest of this.#slow.keys()) {
      if (this.#slow.size <= SLOW_MAX) break
      this.#slow.delete(oldest)
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
