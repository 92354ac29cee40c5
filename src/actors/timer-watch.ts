/**
 * When a worker looks for due timers. It knows the first timer that is set, from its last look, and those that it set since.
 * So it looks when one of them is due, and not in between. Timers that other workers set are theirs to look for; those of
 * workers that died are found by a look at intervals.
 */
import { Clock, Effect, Latch } from "effect"

/** How long a timer of a worker that died may be due before another worker looks. */
const LOOK_EVERY_MS_MAX = 1_000

/** Times are in milliseconds since the epoch. */
export class TimerWatch {
  /** Before the first look, anything may be due. */
  #firstAt = Number.NEGATIVE_INFINITY
  readonly #sooner = Latch.makeUnsafe(false)

  /** Call it before a look: what was known is then read anew, and what is set meanwhile is kept. */
  looks(): void {
    this.#firstAt = Number.POSITIVE_INFINITY
  }

  /** A timer is set to be due at this time. */
  set(dueAt: number): void {
    if (dueAt >= this.#firstAt) return
    this.#firstAt = dueAt
    this.#sooner.openUnsafe()
  }

  /** Waits until the first timer is due, or it is time for a look at intervals. */
  readonly due: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    let now = yield* Clock.currentTimeMillis
    const lookAt = now + LOOK_EVERY_MS_MAX
    // A clock that was set back lengthens no wait.
    while (now < Math.min(lookAt, this.#firstAt) && now >= lookAt - LOOK_EVERY_MS_MAX) {
      this.#sooner.closeUnsafe()
      yield* Effect.timeoutOption(this.#sooner.await, Math.min(lookAt, this.#firstAt) - now)
      now = yield* Clock.currentTimeMillis
    }
  })
}
