/**
 * Long work in short slices. Whoever has more to do than a few milliseconds waits for its turn before each slice, and of
 * all that wait one gets a turn in each round of the event loop: so what is short goes on between any two slices,
 * however many have long work, and long ones advance side by side.
 */
import { Effect, Semaphore } from "effect"

const one = Semaphore.makeUnsafe(1)

/** Waits for a turn: what the caller does next, up to its next wait, is a slice. */
export const turn: Effect.Effect<void> = one.withPermits(1)(Effect.yieldNow)

/** Does work that ends a slice by each of its yields. */
export const inSlices = Effect.fnUntraced(function* <A>(work: Generator<void, A>) {
  while (true) {
    const step = work.next()
    if (step.done === true) return step.value
    yield* turn
  }
})

/** Does such work at once, where nobody waits: a command of its own process, or little work. */
export const atOnce = <A>(work: Generator<void, A>): A => {
  while (true) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
