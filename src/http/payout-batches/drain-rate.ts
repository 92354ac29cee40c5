/** The rate at which batches are closed, from which a refused caller's `Retry-After` is computed. */

/** Closings are counted over this window, so that one slow second does not lead to long waits. */
const WINDOW_MS = 10_000
const RETRY_AFTER_SECONDS_MAX = 60

interface Sample {
  readonly closed: number
  readonly atMs: number
}

export class DrainRate {
  #samples: ReadonlyArray<Sample> = []

  /** Records how many batches were ever closed. If the number became smaller, the store is another one: begins anew. */
  observe(closed: number, nowMs: number): void {
    const known = this.#samples.filter(
      ({ atMs, ...seen }) => nowMs - atMs <= WINDOW_MS && seen.closed <= closed,
    )
    this.#samples = [...known, { closed, atMs: nowMs }]
  }

  /** Batches that are closed per second; 0 if unknown. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0
    return ((last.closed - first.closed) * 1_000) / (last.atMs - first.atMs)
  }

  /** The seconds until this number of batches will be closed, at a part of the rate: 1 to 60. */
  secondsFor(batches: number, part = 1): number {
    const seconds = Math.ceil(batches / (this.perSecond * part))
    return Math.max(1, Math.min(seconds, RETRY_AFTER_SECONDS_MAX))
  }
}
