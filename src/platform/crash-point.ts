import { Context, Effect } from "effect"
import type { crashPoints } from "../crash-points.ts"

export type CrashPoint = (typeof crashPoints)[number]

/** Called at each crash point. Does nothing in production; may kill the process in a test of recovery. */
export const CrashPoints = Context.Reference<(point: CrashPoint) => Effect.Effect<void>>(
  "atlaspay/platform/CrashPoints",
  {
    defaultValue: () => () => Effect.void,
  },
)

/**
 * Goes on once a crash point was passed; at once where nothing happens there, as in production. For what runs once for each payout.
 */
export const afterPoint = (passed: Effect.Effect<void>, goOn: () => void): Effect.Effect<void> => {
  if (passed !== Effect.void) return Effect.map(passed, goOn)
  goOn()
  return Effect.void
}

/**
 * Kills the process with SIGKILL, so that nothing is flushed or closed, the `nth` time that it passes the point. For
 * tests of recovery only.
 */
export const dieAt = (fatal: CrashPoint, nth: number): ((point: CrashPoint) => Effect.Effect<void>) => {
  let passed = 0
  return (point) =>
    Effect.sync(() => {
      if (point === fatal && ++passed === nth) process.kill(process.pid, "SIGKILL")
    })
}
