/** Lets intake go first: who is in no hurry rests after each step while accepting comes first. */
import { Effect } from "effect"
import { IntakePressure } from "./intake-pressure.ts"

/** How often who rests looks whether intake is still pressed. */
const LOOK_EVERY_MS = 250

/**
 * Rests after a step that took `tookMs`, for as long as pressed intake leaves to others of that time, at most `restMsMax`. The rest
 * ends early when the pressure does; without pressure there is none. Milliseconds.
 */
export const restAfter = Effect.fnUntraced(function* (tookMs: number, restMsMax: number) {
  const { share } = yield* IntakePressure
  let restMs = Math.min(Math.max(tookMs, 0) * (1 / share() - 1), restMsMax)
  while (restMs > 0) {
    const sleepMs = Math.min(restMs, LOOK_EVERY_MS)
    yield* Effect.sleep(sleepMs)
    restMs = share() < 1 ? restMs - sleepMs : 0
  }
})
