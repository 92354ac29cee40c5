/** Retries that a provider's callers may have when it begins to fail, before its calls have earned any. */
const RETRIES_FIRST = 10
/** What can be saved up for a bad time. */
const RETRIES_MAX = 100

/**
 * Bounds retries by calls, so that a provider in trouble is not given several times its load: each call earns some
 * hundredths of a retry, and each retry spends a whole one.
 */
export class RetryBudget {
  readonly #percent: number
  /** In hundredths of a retry. */
  #saved: number

  /** `percent` retries may follow 100 calls; none at all, where it is 0. */
  constructor(percent: number) {
    this.#percent = percent
    this.#saved = percent === 0 ? 0 : RETRIES_FIRST * 100
  }

  get left(): number {
    return Math.floor(this.#saved / 100)
  }

  called(): void {
    this.#saved = Math.min(this.#saved + this.#percent, RETRIES_MAX * 100)
  }

  /** Spends a retry; `false` when there is none. */
  spend(): boolean {
    if (this.left === 0) return false
    this.#saved -= 100
    return true
  }
}
