/**
 * Limits how often each owner may do something: a rate per second in the long run, and a few more at once after a pause.
 * Each process has its own buckets, which cost no round trip and need no store; with n processes an owner that spreads
 * its requests gets n times as much.
 */
export class TokenBuckets {
  readonly #perSecond: number
  readonly #burst: number
  /** The last used at the end. A full bucket is the same as none, and is forgotten. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(perSecond: number, burst = 2 * perSecond) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  /** Takes a token at `now` (milliseconds). Returns 0, or the seconds until there will be one. */
  take(owner: string, now: number): number {
    const bucket = this.#buckets.get(owner) ?? { tokens: this.#burst, at: now }
    // A clock that was set back starts from here: nobody waits until it is as late again.
    if (bucket.at > now) bucket.at = now
    const filled = bucket.tokens + ((now - bucket.at) / 1_000) * this.#perSecond
    const tokens = Math.min(filled, this.#burst)
    if (tokens < 1) return Math.max(1, Math.ceil((1 - tokens) / this.#perSecond))
    this.#buckets.delete(owner)
    this.#buckets.set(owner, { tokens: tokens - 1, at: now })
    this.#forgetFull(now)
    return 0
  }

  /** Forgets full buckets, beginning with the one that was used longest ago. */
  #forgetFull(now: number): void {
    for (const [owner, { at }] of this.#buckets) {
      if (Math.abs(now - at) / 1_000 < this.#burst / this.#perSecond) return
      this.#buckets.delete(owner)
    }
  }
}
