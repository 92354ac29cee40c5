/**
 * Turns of partners at something that few may do at a time: one of a partner's after the other, so that a partner with many
 * takes one of the places, and leaves the others to others.
 */
import { Effect, Semaphore } from "effect"

/** Those of one partner, one after the other. */
interface Line {
  readonly lock: Semaphore.Semaphore
  length: number
}

export class TurnsByPartner {
  /** One for each partner that waits or has its turn. */
  readonly #lines = new Map<string, Line>()
  readonly #places: Semaphore.Semaphore

  constructor(placesMax: number) {
    this.#places = Semaphore.makeUnsafe(placesMax)
  }

  /** Does something when it is the partner's turn. */
  readonly take = <A, E, R>(partner: string, use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => this.#join(partner)),
      ({ lock }) => lock.withPermits(1)(this.#places.withPermits(1)(use)),
      (line) => Effect.sync(() => this.#leave(partner, line)),
    )

  #join(partner: string): Line {
    const line = this.#lines.get(partner) ?? { lock: Semaphore.makeUnsafe(1), length: 0 }
    line.length += 1
    this.#lines.set(partner, line)
    return line
  }

  #leave(partner: string, line: Line): void {
    line.length -= 1
    if (line.length === 0) this.#lines.delete(partner)
  }
}
