/** How the main programs end: by which signals, and with which status. */
import { constants } from "node:os"
import { Effect, Layer, Runtime } from "effect"
import { Overdue } from "./overdue.ts"

const INTERRUPTED = 130
/** As of timeout(1): the time was up. */
export const OVERDUE_STATUS = 124
/** The shell and npm both pass a Ctrl-C on, so signals that come together are one. Milliseconds. */
const SAME_SIGNAL_MS = 500

/**
 * A teardown for a main program: exits with 0 if SIGTERM interrupted it and it shut down cleanly. Another SIGTERM or SIGINT ends
 * it at once, with the status that shells give for it: whoever sends one does not want to wait.
 */
export const exitZeroOnSigterm = (): Runtime.Teardown => {
  let isTerminated = false
  let firstAt: number | undefined
  const onSignal = (signal: "SIGTERM" | "SIGINT") => {
    firstAt ??= performance.now()
    isTerminated ||= signal === "SIGTERM"
    if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(128 + constants.signals[signal])
  }
  process.on("SIGTERM", onSignal)
  process.on("SIGINT", onSignal)
  return (exit, onExit) =>
    Runtime.defaultTeardown(exit, (code) => onExit(code === INTERRUPTED && isTerminated ? 0 : code))
}

/** Lets a process of the service end although it waits in vain for one of its parts. Status {@link OVERDUE_STATUS}. */
export const exitWhenOverdue = Layer.succeed(
  Overdue,
  Effect.sync(() => process.exit(OVERDUE_STATUS)),
)
