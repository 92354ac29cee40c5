import { Runtime } from "effect"

const INTERRUPTED = 130

/** A teardown for a main program: one that was told to end by SIGTERM, and did so in good order, has not failed. */
export const endedAsTold = (): Runtime.Teardown => {
  let told = false
  process.once("SIGTERM", () => {
    told = true
  })
  return (exit, onExit) =>
    Runtime.defaultTeardown(exit, (code) => onExit(code === INTERRUPTED && told ? 0 : code))
}
