/**
 * What a process of the service says when it ends by an error: a line of the log like any other. Left alone, Effect and Node would print the
 * error as it is, with fields such as the arguments of a command to Redis.
 */
import { Cause, Effect } from "effect"
import { loggingLayer } from "./logging.ts"
import { redactLine } from "./redaction.ts"
import { writeLine } from "./standard-error.ts"

/** As Node ends after an exception that nobody caught. */
const UNCAUGHT_STATUS = 1

/** Logs why a main program fails, or that it has a defect. Its own report then has to be off (`disableErrorReporting`). */
export const withLastWords = <A, E, R>(main: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  main.pipe(
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logFatal("the process ends", cause),
    ),
    Effect.provide(loggingLayer()),
  )

/** Logs an exception that nobody caught, a rejection among them, and ends the process. Of the error only its text and its stack are logged. */
export const endWithLastWords = (): void => {
  process.on("uncaughtException", (error: unknown) => {
    const cause = error instanceof Error ? (error.stack ?? error.message) : typeof error
    const time = new Date().toISOString()
    writeLine(
      JSON.stringify({ time, level: "fatal", message: "uncaught exception", cause: redactLine(cause) }),
    )
    process.exit(UNCAUGHT_STATUS)
  })
}
