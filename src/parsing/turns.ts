/**
 * Divides long work into short slices. Work of more than a few milliseconds waits for a turn before each slice, and each
 * round of the event loop gives one turn. So short work continues between any two slices, however much long work there
 * is, and long works take turns.
 */
import { Effect, Semaphore } from "effect"

const one = Semaphore.makeUnsafe(1)

/** Waits for a turn. The slice is what the caller does up to its next wait. */
export const turn: Effect.Effect<void> = one.withPermits(1)(Effect.yieldNow)

/** Does work whose yields end slices. Work of one slice is done at once. */
export const inSlices = <A>(work: Generator<void, A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const step = work.next()
    return step.done === true ? Effect.succeed(step.value) : otherSlices(work)
  })

const otherSlices = Effect.fnUntraced(function* <A>(work: Generator<void, A>) {
  while (true) {
    yield* turn
    const step = work.next()
    if (step.done === true) return step.value
  }
})

/** Does such work at once, if nothing else waits for it (a command in its own process) or it is little. */
export const atOnce = <A>(work: Generator<void, A>): A => {
  while (true) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
