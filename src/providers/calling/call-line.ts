/**
 * A limit on calls at a time, with a line for the others: first come, first served. Effect's semaphore looks at everybody who
 * waits whenever somebody leaves, and here thousands wait; the cost of this one does not grow with the line.
 */
import { Deferred, Effect } from "effect"

interface Waiter {
  readonly turn: Deferred.Deferred<void>
  state: "waiting" | "called" | "gone"
}

export class CallLine {
  #free: number
  #line: Array<Waiter> = []
  /** Those before this place have left the line. */
  #head = 0

  /** `callsMax` calls may be under way at a time. */
  constructor(callsMax: number) {
    this.#free = callsMax
  }

  /** Makes a call when it is its turn. Its place is free again at its end, also when it is interrupted. */
  readonly inTurn = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const made = Effect.ensuring(restore(call), this.#leave)
        if (this.#free > 0) {
          this.#free -= 1
          return made
        }
        const waiter: Waiter = { turn: Deferred.makeUnsafe(), state: "waiting" }
        this.#line.push(waiter)
        const called = Effect.onInterrupt(restore(Deferred.await(waiter.turn)), () => this.#giveUp(waiter))
        return Effect.andThen(called, made)
      }),
    )

  /** The place goes to the next in line, so that nobody who comes meanwhile gets in before. */
  readonly #leave: Effect.Effect<void> = Effect.sync(() => {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.state === "gone") continue
      next.state = "called"
      Deferred.doneUnsafe(next.turn, Effect.void)
      return
    }
    this.#free += 1
  })

  /** Somebody who is interrupted when already called passes the place on. */
  #giveUp(waiter: Waiter): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (waiter.state === "called") return this.#leave
      waiter.state = "gone"
      return Effect.void
    })
  }

  #next(): Waiter | undefined {
    const next = this.#line[this.#head]
    this.#head += 1
    if (next === undefined || this.#head > 1_024) {
      this.#line = this.#line.slice(this.#head)
      this.#head = 0
    }
    return next
  }
}
