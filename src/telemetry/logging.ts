/** Logs one line of JSON per entry, on standard error. */
import { Cause, type Layer, Logger, References } from "effect"
import { redact, redactLine } from "./redaction.ts"

/** Takes the lines, each without its line break. */
export type LogSink = (line: string) => void

const standardError: LogSink = (line) => {
  process.stderr.write(`${line}\n`)
}

/**
 * A logger that writes `{"time", "level", "message", …annotations, "details"?, "spans"?, "failures"?, "cause"?}`:
 * `time` in ISO 8601, spans in milliseconds. The first logged value is the message, further ones are its details. Expected
 * failures in a cause are logged with their fields, defects with their stack. Everything is redacted. An annotation cannot
 * replace the fields named here.
 */
export const jsonLogger = (sink: LogSink): Logger.Logger<unknown, void> =>
  Logger.make(({ message, logLevel, cause, fiber, date }) => {
    const [first, ...details] = Array.isArray(message) ? message : [message]
    const spans = fiber.getRef(References.CurrentLogSpans)
    const line = {
      ...Object(redact(fiber.getRef(References.CurrentLogAnnotations))),
      time: date.toISOString(),
      level: logLevel.toLowerCase(),
      message: redact(first),
      ...(details.length === 0 ? {} : { details: redact(details) }),
      ...(spans.length === 0 ? {} : { spans: durations(spans, date.getTime()) }),
      ...causeFields(cause),
    }
    sink(JSON.stringify(line))
  })

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
export const loggingLayer = (sink: LogSink = standardError): Layer.Layer<never> =>
  Logger.layer([jsonLogger(sink)])
