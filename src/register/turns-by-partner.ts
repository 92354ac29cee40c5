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
  readonly #waitMsMax: number

  constructor(placesMax: number, waitMsMax: number) {
    this.#places = Semaphore.makeUnsafe(placesMax)
    this.#waitMsMax = waitMsMax
  }

  /**
   * Does something when it is the partner's turn; fails as `late` does when it is not in time. What has begun ends by itself:
   * who gave a turn back before would let the next one in beside it.
   */
  readonly take = <A, E, R, Late>(partner: string, use: Effect.Effect<A, E, R>, late: Late) =>
    Effect.suspend((): Effect.Effect<A, E | Late, R> => {
      let hasBegun = false
      const begin = Effect.suspend(() => {
        hasBegun = true
        return use
      })
      const inTurn = Effect.acquireUseRelease(
        Effect.sync(() => this.#join(partner)),
        ({ lock }) => lock.withPermits(1)(this.#places.withPermits(1)(begin)),
        (line) => Effect.sync(() => this.#leave(partner, line)),
      )
      const giveUp = Effect.suspend(() => (hasBegun ? Effect.never : Effect.fail(late)))
      return Effect.raceFirst(inTurn, Effect.delay(giveUp, this.#waitMsMax))
    })

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
