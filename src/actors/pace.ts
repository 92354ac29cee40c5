/**
 * How busy a worker is, by the turns that its actors take. A turn costs the same whether it records one answer or fifty. So a
 * busy worker lets its actors gather answers and mail for a moment, and an idle one only those of many payouts.
 */
import { FadingCount } from "../platform/fading-count.ts"

/** The time over which turns are remembered: of turns this old, a third still counts. Milliseconds. */
const MEMORY_MS = 250
const GATHER_MS_MIN = 2
/** What a busy worker adds at most to the time from an answer to its record. */
const GATHER_MS_MAX = 50
/** How long answers are gathered while accepting comes first: what is to be recorded then takes fewer turns. */
const GATHER_MS_PRESSED = 100
/**
 * When a batch waits for so many answers and reports, the next ones are let come together however quiet the worker is: nobody waits
 * for one of many payouts. Answers for so long at most, and reports that have not begun to come.
 */
const MANY = 8
const GATHER_MANY_MS = { answers: 20, reports: 10 } as const
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

  /**
   * How long a batch waits at `now` for more after an answer, in milliseconds: `awaited` answers and reports about its transfers
   * may still come, and `isMoreToCome` if one of its calls is under way.
   */
  gatherAnswersMs(isMoreToCome: boolean, awaited: number, now: number): number {
    if (isMoreToCome && awaited >= MANY) return Math.max(this.gatherMs(now), GATHER_MANY_MS.answers)
    return isMoreToCome || this.#share() < 1 || this.isWorthGathering(awaited, now) ? this.gatherMs(now) : 0
  }

  /**
   * How long a batch to which nothing is left to do waits at `now` for the reports that may still come, in milliseconds; 0 if it
   * should not. `recorded` events were recorded by its last turn: a worker with little to do waits only after several, because a
   * bank that reports one payout at a time is likely to take its time for the next.
   */
  gatherReportsMs(awaited: number, recorded: number, now: number): number {
    const isMany = awaited >= MANY && recorded > 1
    if (!isMany && !this.isWorthGathering(awaited, now)) return 0
    return Math.max(this.gatherMs(now), isMany ? GATHER_MANY_MS.reports : 0)
  }

  /**
   * Whether a batch to which nothing is left to do waits for the answers and reports that may still come. A wait for none only
   * costs time, and a wait for a single one saves a turn at most: a lone payout keeps no worker busy, however fast its turns
   * follow each other.
   */
  isWorthGathering(awaited: number, now: number): boolean {
    return awaited > 1 ? this.isBusy(now) : awaited === 1 && this.gatherMs(now) >= GATHER_MS_MAX
  }

  /** Whether gathering is worth a wait that would not be needed otherwise. */
  isBusy(now: number): boolean {
    return this.gatherMs(now) > 2 * GATHER_MS_MIN
  }
}
