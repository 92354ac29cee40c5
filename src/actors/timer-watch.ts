/**
 * When a worker looks for due timers. It knows the first timer that is set, from its last look, and those that it set since.
 * So it looks when one of them is due, and not in between. Timers that other workers set are theirs to look for; those of
 * workers that died are found by a look at intervals.
 */
import { Clock, Effect, Latch } from "effect"
import { untilNextBeatMs } from "../telemetry/beat.ts"

/** How long a timer of a worker that died may be due before another worker looks. */
const LOOK_EVERY_MS_MAX = 2_000
/** Looks are at least this far apart. */
const LOOK_EVERY_MS_MIN = 200

/** Times are in milliseconds since the epoch. */
export class TimerWatch {
  /** Before the first look, anything may be due. */
  #firstAt = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly #sooner = Latch.makeUnsafe(false)

  /** Call it before a look at `now`: what was known is then read anew, and what is set meanwhile is kept. */
  looks(now: number): void {
    this.#firstAt = Number.POSITIVE_INFINITY
    this.#lookedAt = now
  }

  /** A timer is set to be due at this time. */
  set(dueAt: number): void {
    if (dueAt >= this.#firstAt) return
    this.#firstAt = dueAt
    this.#sooner.openUnsafe()
  }

  /** Waits until the first timer is due, or it is time for a look at intervals. */
  readonly due: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const beganAt = yield* Clock.currentTimeMillis
    const lookAt = beganAt + (yield* untilNextBeatMs(LOOK_EVERY_MS_MAX))
    let now = beganAt
    // A clock that was set back lengthens no wait.
    while (now < this.#dueBy(lookAt) && now >= beganAt) {
      this.#sooner.closeUnsafe()
      yield* Effect.timeoutOption(this.#sooner.await, this.#dueBy(lookAt) - now)
      now = yield* Clock.currentTimeMillis
    }
  })

  /** A look at intervals waits for a timer that is due so soon behind it that another look for that would come late. */
  #dueBy(lookAt: number): number {
    const firstAt = Math.max(this.#firstAt, this.#lookedAt + LOOK_EVERY_MS_MIN)
    return firstAt <= lookAt + LOOK_EVERY_MS_MIN ? firstAt : lookAt
  }
}
