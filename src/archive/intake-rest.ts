/** Lets intake go first: who archives is in no hurry. */
import { Effect } from "effect"
import { restAfter } from "../platform/intake-rest.ts"

/** The longest rest after a step. */
const REST_MS_MAX = 5_000

/** Does a step, and rests after it for as long as pressed intake leaves to others of that time. */
export const rest = Effect.fnUntraced(function* <A, E, R>(step: Effect.Effect<A, E, R>) {
  const beganAt = performance.now()
  const done = yield* step
  yield* restAfter(performance.now() - beganAt, REST_MS_MAX)
  return done
})
