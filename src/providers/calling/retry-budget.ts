/** Retries that are available at the start, before any call has earned one. */
const RETRIES_FIRST = 10
/** The most retries that can be saved up. */
const RETRIES_MAX = 100

/**
 * Bounds retries by the number of calls, so that a provider in trouble does not get several times its usual load: each call
 * earns some hundredths of a retry, and each retry spends a whole one.
 */
export class RetryBudget {
  readonly #percent: number
  /** In hundredths of a retry. */
  #saved: number

  /** `percent` is the number of retries per 100 calls; with 0 there are none at all. */
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

  /** Spends a retry; `false` if there is none. */
  spend(): boolean {
    if (this.left === 0) return false
    this.#saved -= 100
    return true
  }
}
