/**
 * Lets a reader handle much at a time while there is much to do, and each thing at once while there is little.
 *
 * A step costs the same for one event as for many. So while many events come, the next step begins a little later, and finds
 * more. What comes first after a quiet time never waits. While accepting comes first, each step is followed by a rest.
 */
import { FadingCount } from "../platform/fading-count.ts"
import { restMs } from "../platform/intake-pressure.ts"

/** Much to do: as many events, of which those of half a second ago count about a third. About 250 a second. */
const BUSY_EVENTS = 128
const FADE_MS = 500
/** A step with this many events is not small: the next one need not wait for more. */
const LARGE_STEP_EVENTS = 512
/** While there is much to do, a step begins this long after a small one. */
const STEP_EVERY_MS = 100

/** Times are in milliseconds. */
export class Pace {
  readonly #recent = new FadingCount(FADE_MS)
  #beganAt = 0
  #endedAt = 0
  #hadNothing = true
  #isSmall = true

  /** Counts a step with this many events, that began and ended at these times. */
  count(events: number, beganAt: number, endedAt: number): void {
    this.#recent.add(events, beganAt)
    this.#beganAt = beganAt
    this.#endedAt = endedAt
    this.#hadNothing = events === 0
    this.#isSmall = events < LARGE_STEP_EVENTS
  }

  /** How long to wait before the next step, if steps have this share of the time (1: all of it). */
  waitMs(now: number, share: number): number {
    return Math.max(this.#lingerMs(now), this.#restMs(now, share))
  }

  #lingerMs(now: number): number {
    const isBusy = this.#recent.at(now) >= BUSY_EVENTS
    if (!isBusy || !this.#isSmall) return 0
    return Math.min(Math.max(0, this.#beganAt + STEP_EVERY_MS - now), STEP_EVERY_MS)
  }

  /** A step that found nothing cost next to nothing. */
  #restMs(now: number, share: number): number {
    if (this.#hadNothing || share === 1) return 0
    const rest = restMs(this.#endedAt - this.#beganAt, share)
    return Math.min(Math.max(0, this.#endedAt + rest - now), rest)
  }
}
