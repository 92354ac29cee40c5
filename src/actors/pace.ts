/**
 * How busy a worker is, by the turns that its actors take. A turn costs the same whether it records one answer or fifty. So a
 * busy worker lets its actors gather answers and mail for a moment, and an idle one records each at once.
 */
import { FadingCount } from "../platform/fading-count.ts"

/** The time over which turns are remembered: of turns this old, a third still counts. Milliseconds. */
const MEMORY_MS = 250
const GATHER_MS_MIN = 2
/** What a busy worker adds at most to the time from an answer to its record. */
const GATHER_MS_MAX = 50
/** How long answers are gathered while accepting comes first: what is to be recorded then takes fewer turns. */
const GATHER_MS_PRESSED = 100
/** Up to this many turns a second nothing waits for others; at the second number everything waits the longest. */
const QUIET_PER_SECOND = 50
const BUSY_PER_SECOND = 500

export class Pace {
  readonly #turns = new FadingCount(MEMORY_MS)
  readonly #share: () => number

  /** `share` is the share of the time for which the worker works now: below 1 while accepting comes first. */
  constructor(share: () => number) {
    this.#share = share
  }

  /** Counts a turn at `now` (epoch milliseconds). */
  tookTurn(now: number): void {
    this.#turns.add(1, now)
  }

  /** How long answers are gathered at `now`, in milliseconds. */
  gatherMs(now: number): number {
    if (this.#share() < 1) return GATHER_MS_PRESSED
    const perSecond = (this.#turns.at(now) * 1_000) / MEMORY_MS
    const share = (perSecond - QUIET_PER_SECOND) / (BUSY_PER_SECOND - QUIET_PER_SECOND)
    return GATHER_MS_MIN + Math.min(Math.max(share, 0), 1) * (GATHER_MS_MAX - GATHER_MS_MIN)
  }

  /** The same, with nothing to wait for if all calls have ended and there is little to do. */
  gatherAnswersMs(isMoreToCome: boolean, now: number): number {
    return isMoreToCome || this.isBusy(now) ? this.gatherMs(now) : 0
  }

  /** Whether gathering is worth a wait that would not be needed otherwise. */
  isBusy(now: number): boolean {
    return this.gatherMs(now) > 2 * GATHER_MS_MIN
  }
}
