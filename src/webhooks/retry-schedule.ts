import { Effect, Random } from "effect"

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The wait after each failed attempt, in milliseconds: eleven attempts over about 76 hours. */
export const defaultRetryDelaysMs: ReadonlyArray<number> = [
  5 * SECOND,
  1 * MINUTE,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

const JITTER = 0.1

/**
 * Milliseconds until the next attempt after `attempts` failed ones; `undefined` after the last. It varies by up to a
 * tenth, so that an endpoint that recovers does not get all retries at once.
 */
export const retryDelay = Effect.fnUntraced(function* (delaysMs: ReadonlyArray<number>, attempts: number) {
  const delayMs = delaysMs[attempts - 1]
  if (delayMs === undefined) return undefined
  return Math.round(delayMs * (1 + JITTER * (2 * (yield* Random.next) - 1)))
})
