import { Effect, Random } from "effect"

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
