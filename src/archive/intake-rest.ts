/** Lets intake go first: who archives is in no hurry. */
import { Effect } from "effect"
import { IntakePressure } from "../platform/intake-pressure.ts"

/** The longest rest after a step. */
const REST_MS_MAX = 5_000

/** Does a step, and rests after it for as long as pressed intake leaves to others of that time. */
export const rest = Effect.fnUntraced(function* <A, E, R>(step: Effect.Effect<A, E, R>) {
  const beganAt = performance.now()
  const done = yield* step
  const share = (yield* IntakePressure).share()
  const restMs = (performance.now() - beganAt) * (1 / share - 1)
  if (restMs > 0) yield* Effect.sleep(Math.min(restMs, REST_MS_MAX))
  return done
})
