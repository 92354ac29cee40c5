/** Endpoints that are left alone for a moment: nothing is claimed for them, and nothing starts. In this process only. */

/** The longest pause. What lasts longer is in the store, for all processes. Milliseconds. */
export const PAUSE_MS_MAX = 5_000

interface Pause {
  readonly from: number
  readonly until: number
}

/** Times are in milliseconds, of one clock. */
export class Pauses {
  readonly #pauses = new Map<string, Pause>()

  /** Leaves an endpoint alone for so long from now, or longer if it is already. */
  pause(endpoint: string, now: number, forMs: number): void {
    const until = now + Math.min(forMs, PAUSE_MS_MAX)
    const current = this.#pauses.get(endpoint)
    if (current === undefined || hasEnded(current, now) || current.until < until)
      this.#pauses.set(endpoint, { from: now, until })
  }

  end(endpoint: string): void {
    this.#pauses.delete(endpoint)
  }

  has(endpoint: string, now: number): boolean {
    const pause = this.#pauses.get(endpoint)
    return pause !== undefined && !hasEnded(pause, now)
  }

  /** Those that are left alone now. Forgets the others. */
  endpointsAt(now: number): ReadonlyArray<string> {
    for (const [endpoint, pause] of this.#pauses) if (hasEnded(pause, now)) this.#pauses.delete(endpoint)
    return [...this.#pauses.keys()]
  }

  /** How long it is until the next pause ends; `most` if none does before. Milliseconds. */
  nextEndInMs(now: number, most: number): number {
    let next = most
    for (const pause of this.#pauses.values())
      if (!hasEnded(pause, now)) next = Math.min(next, pause.until - now)
    return next
  }
}

/** A clock that was set back ends all pauses. */
const hasEnded = ({ from, until }: Pause, now: number): boolean => now >= until || now < from
