import { Context, Effect } from "effect"

/** The steps between which a process may die. Each is passed once per loop of a batch. */
export const crashPoints = [
  "before-intent",
  "after-intent",
  "after-register",
  "after-bank-call",
  "before-append",
  "after-append",
  "after-ledger-call",
  "before-release",
] as const
export type CrashPoint = (typeof crashPoints)[number]

/** Called at each crash point: silent in production, deadly in a test that names one. */
export const CrashPoints = Context.Reference<(point: CrashPoint) => Effect.Effect<void>>(
  "atlaspay/platform/CrashPoints",
  {
    defaultValue: () => () => Effect.void,
  },
)

/**
 * Kills the process (SIGKILL: nothing is flushed, nothing is closed) the `nth` time that it passes the point.
 * For tests of recovery only.
 */
export const dieAt = (fatal: CrashPoint, nth: number): ((point: CrashPoint) => Effect.Effect<void>) => {
  let passed = 0
  return (point) =>
    Effect.sync(() => {
      if (point === fatal && ++passed === nth) process.kill(process.pid, "SIGKILL")
    })
}
