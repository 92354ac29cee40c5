/**
 * Lets a reader handle much at a time while there is much to do, and each thing at once while there is little.
 *
 * A step costs the same for one event as for many, and an item that changed several times until then is written once. So
 * while many events come, the next step begins a little later, and finds more. What comes first after a quiet time never
 * waits, and neither does what a step had no room for.
 */
import { FadingCount } from "../platform/fading-count.ts"

/** Of the events that are counted, those of half a second ago count about a third. */
const FADE_MS = 500

/** From a number of recent events on, how long after a step the next one begins. */
interface Wait {
  readonly recentEvents: number
  readonly stepEveryMs: number
}

/**
 * The longest first. The numbers are those of some 1,000 and 600 events a second. Lone payouts, one after the other, come with
 * fewer.
 */
const waitsUpTo = (stepEveryMsMax: number): ReadonlyArray<Wait> => [
  { recentEvents: 512, stepEveryMs: stepEveryMsMax },
  { recentEvents: 300, stepEveryMs: 100 },
]

/** How long after a step the next one begins at most, unless a reader says otherwise. */
const STEP_EVERY_MS_MAX = 250

/** What a step did. */
export interface Step {
  readonly events: number
  /** More had arrived than the step had room for. */
  readonly isFull: boolean
}

/** Times are in milliseconds. */
export class Pace {
  readonly #recent = new FadingCount(FADE_MS)
  readonly #waits: ReadonlyArray<Wait>
  #beganAt = 0
  #isFull = false

  constructor(stepEveryMsMax = STEP_EVERY_MS_MAX) {
    this.#waits = waitsUpTo(stepEveryMsMax)
  }

  /** Counts a step that began at this time. */
  count({ events, isFull }: Step, beganAt: number): void {
    this.#recent.add(events, beganAt)
    this.#beganAt = beganAt
    this.#isFull = isFull
  }

  /** How long to wait before the next step. */
  waitMs(now: number): number {
    if (this.#isFull) return 0
    const recent = this.#recent.at(now)
    const everyMs = this.#waits.find(({ recentEvents }) => recent >= recentEvents)?.stepEveryMs ?? 0
    return Math.min(Math.max(0, this.#beganAt + everyMs - now), everyMs)
  }
}
