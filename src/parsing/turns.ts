/**
 * Divides long work into short slices. Work of more than a few milliseconds waits for a turn before each slice, and each
 * round of the event loop gives one turn. So short work continues between any two slices, however much long work there
 * is, and long works take turns.
 */
import { Effect, Semaphore } from "effect"

/**
 * Makes a wait for turns of its own: one is given in each round of the event loop, and those who wait for other turns do not
 * delay it. The slice is what the caller does up to its next wait.
 */
export const makeTurn = (): Effect.Effect<void> => Semaphore.makeUnsafe(1).withPermits(1)(Effect.yieldNow)

/** Waits for a turn that all long work of the process shares. */
export const turn: Effect.Effect<void> = makeTurn()

/** Does work whose yields end slices. */
export const inSlices = Effect.fnUntraced(function* <A>(work: Generator<void, A>) {
  while (true) {
    const step = work.next()
    if (step.done === true) return step.value
    yield* turn
  }
})

/** Does such work at once, if nothing else waits for it (a command in its own process) or it is little. */
export const atOnce = <A>(work: Generator<void, A>): A => {
  while (true) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
