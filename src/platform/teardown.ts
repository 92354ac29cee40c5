import { Runtime } from "effect"

const INTERRUPTED = 130

/** A teardown for a main program: exits with 0 if SIGTERM interrupted it and it shut down cleanly. */
export const exitZeroOnSigterm = (): Runtime.Teardown => {
  let isTerminated = false
  process.once("SIGTERM", () => {
    isTerminated = true
  })
  return (exit, onExit) =>
    Runtime.defaultTeardown(exit, (code) => onExit(code === INTERRUPTED && isTerminated ? 0 : code))
}
