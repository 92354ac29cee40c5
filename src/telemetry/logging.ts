/** Logs one line of JSON per entry, on standard error. docs/LOGS.md describes the fields. */
import { Cause, Effect, Layer, Logger, References } from "effect"
import { type LogThreshold, ProcessLogThreshold } from "./log-level.ts"
import { Metrics } from "./metrics.ts"
import { redact, redactLine } from "./redaction.ts"
import { writeLine } from "./standard-error.ts"

/** Takes the lines, each without its line break. */
export type LogSink = (line: string) => void

/**
 * A logger that writes `{"time", "level", "message", …annotations, "details"?, "spans"?, "failures"?, "cause"?}`:
 * `time` in ISO 8601, spans in milliseconds. The first logged value is the message, further ones are its details. Expected
 * failures in a cause are logged with their fields, defects with their stack. Everything is redacted. An annotation cannot
 * replace the fields named here. What an entry says it is about, `trace`, `batch` and `partner`, are fields of the line, wherever they
 * were given. A threshold decides what is logged; without it, all is.
 */
export const jsonLogger = (sink: LogSink, threshold?: LogThreshold): Logger.Logger<unknown, void> =>
  Logger.make(({ message, logLevel, cause, fiber, date }) => {
    if (threshold?.admits(logLevel, date.getTime()) === false) return
    const [first, ...details] = Array.isArray(message) ? message : [message]
    const spans = fiber.getRef(References.CurrentLogSpans)
    const line = {
      ...Object(redact(fiber.getRef(References.CurrentLogAnnotations))),
      ...subjectsOf(details),
      time: date.toISOString(),
      level: logLevel.toLowerCase(),
      message: redact(first),
      ...(details.length === 0 ? {} : { details: redact(details) }),
      ...(spans.length === 0 ? {} : { spans: durations(spans, date.getTime()) }),
      ...causeFields(cause),
    }
    sink(JSON.stringify(line))
  })

/** The fields by which the lines of one batch are found. */
const subjects = ["trace", "batch", "partner"] as const

const subjectsOf = (details: ReadonlyArray<unknown>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    details.flatMap((detail) =>
      typeof detail !== "object" || detail === null
        ? []
        : subjects.flatMap((name) => {
            const value: unknown = Reflect.get(detail, name)
            return typeof value === "string" ? [[name, redactLine(value)]] : []
          }),
    ),
  )

const causeFields = ({ reasons }: Cause.Cause<unknown>) => {
  const failures = reasons.filter(Cause.isFailReason)
  const others = reasons.filter((reason) => !Cause.isFailReason(reason))
  return {
    ...(failures.length === 0 ? {} : { failures: redact(failures.map(({ error }) => error)) }),
    ...(others.length === 0 ? {} : { cause: redactLine(Cause.pretty(Cause.fromReasons(others))) }),
  }
}

const durations = (spans: ReadonlyArray<readonly [string, number]>, now: number): Record<string, number> =>
  Object.fromEntries(spans.map(([name, since]) => [name, now - since]))

/** Replaces Effect's loggers with {@link jsonLogger}, by default on standard error. */
export const loggingLayer = (sink: LogSink = (line) => writeLine(line)): Layer.Layer<never> =>
  Logger.layer([jsonLogger(sink)])

/** Counts what asks for a person, also while the level in force hides it. An alert watches the count. */
export const countingErrors = (count: () => void): Logger.Logger<unknown, void> =>
  Logger.make(({ logLevel }) => {
    if (logLevel === "Error" || logLevel === "Fatal") count()
  })

/** The logs of the service: on standard error, from the level on that is in force in the process. */
export const serviceLogging: Layer.Layer<never> = Layer.unwrap(
  Effect.gen(function* () {
    const threshold = yield* ProcessLogThreshold
    const { errorsLogged, logLinesDropped } = yield* Metrics
    return Layer.merge(
      Logger.layer([
        jsonLogger((line) => writeLine(line, (lines) => logLinesDropped.inc(lines)), threshold),
        countingErrors(() => errorsLogged.inc()),
      ]),
      // The threshold decides, which may change at any time.
      Layer.succeed(References.MinimumLogLevel, "All"),
    )
  }),
)
