/**
 * A limit on calls at a time, with a line for the others: first come, first served. Effect's semaphore looks at everybody who
 * waits whenever somebody leaves, and here thousands wait; the cost of this one does not grow with the line.
 */
import { Effect } from "effect"

interface Waiter {
  call: () => void
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

  /** Takes a place if one is free. Nobody waits then: a place goes to the next in line. */
  take(): boolean {
    if (this.#free === 0) return false
    this.#free -= 1
    return true
  }

  /**
   * Waits for a place and takes it. Somebody who is interrupted when already called passes the place on. For an uninterruptible
   * caller: `restore` makes the wait alone interruptible.
   */
  taken(restore: (wait: Effect.Effect<void>) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const waiter: Waiter = { call: () => {}, state: "waiting" }
      const called = Effect.callback<void>((resume) => {
        waiter.call = () => resume(Effect.void)
      })
      this.#line.push(waiter)
      return Effect.onInterrupt(restore(called), () => Effect.sync(() => this.#giveUp(waiter)))
    })
  }

  #giveUp(waiter: Waiter): void {
    if (waiter.state === "called") this.leave()
    else waiter.state = "gone"
  }

  /** Gives a place back, at the end of its call. It goes to the next in line, so that nobody who comes meanwhile gets in before. */
  leave(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.state === "gone") continue
      next.state = "called"
      next.call()
      return
    }
    this.#free += 1
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
