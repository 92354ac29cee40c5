/**
 * A limit on calls at a time, with a line for the others: first come, first served. Effect's semaphore looks at everybody who
 * waits whenever somebody leaves, and here thousands wait; the cost of this one does not grow with the line.
 */
import { Effect } from "effect"

interface Waiter {
  wake: () => void
  state: "waiting" | "called" | "gone"
}

export class CallLine {
  #free: number
  #line: Array<Waiter> = []
  /** Those before this place have left the line. */
  #head = 0
  #isCalling = false

  /** `callsMax` calls may be under way at a time. */
  constructor(callsMax: number) {
    this.#free = callsMax
  }

  /** Takes a place if one is free that nobody waits for. */
  take(): boolean {
    if (this.#free === 0 || this.#isCalling) return false
    this.#free -= 1
    return true
  }

  /**
   * Waits for a place and takes it. Somebody who is interrupted when already called passes the place on. For an uninterruptible
   * caller: `restore` makes the wait alone interruptible.
   */
  taken(restore: (wait: Effect.Effect<void>) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      // A fiber may pause between any two effects: since the caller looked, a place may be free again.
      if (this.take()) return Effect.void
      const waiter: Waiter = { wake: () => {}, state: "waiting" }
      const called = Effect.callback<void>((resume) => {
        waiter.wake = () => resume(Effect.void)
        // For the same reason it may have been called already.
        if (waiter.state === "called") waiter.wake()
      })
      this.#line.push(waiter)
      return Effect.onInterrupt(restore(called), () => Effect.sync(() => this.#giveUp(waiter)))
    })
  }

  #giveUp(waiter: Waiter): void {
    if (waiter.state === "called") this.leave()
    else waiter.state = "gone"
  }

  /**
   * Gives a place back, at the end of its call. It goes to the next in line, so that nobody who comes meanwhile gets in before.
   * Whoever is called runs at once, and may leave before this returns. That place is then given on by the loop that runs
   * already: if each called the next from within its own turn, a long line that is refused would exhaust the stack.
   */
  leave(): void {
    this.#free += 1
    if (this.#isCalling) return
    this.#isCalling = true
    try {
      this.#callNext()
    } finally {
      this.#isCalling = false
    }
  }

  #callNext(): void {
    while (this.#free > 0) {
      const next = this.#next()
      if (next === undefined) return
      if (next.state === "gone") continue
      this.#free -= 1
      next.state = "called"
      next.wake()
    }
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
