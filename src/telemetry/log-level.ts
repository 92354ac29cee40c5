/**
 * The level from which on this process logs. It may be changed while the process runs, for a time: afterwards the level of the settings
 * is back, so that a level that somebody forgot does not fill disks.
 */
import { Context, Effect, type LogLevel as EffectLevel, LogLevel as Order } from "effect"
import { type LogLevel, logLevels } from "../log-levels.ts"

const severities = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
} as const satisfies Record<LogLevel, EffectLevel.LogLevel>

/** A level that is in force for a time. */
interface Temporary {
  readonly level: LogLevel
  /** Milliseconds since the Unix epoch. */
  readonly until: number
}

/** What is in force. Times are in milliseconds since the Unix epoch. */
export interface LevelInForce {
  readonly level: LogLevel
  /** The level of the settings, which is back after `until`. */
  readonly usual: LogLevel
  readonly until: number | undefined
}

/** The level of a process. */
export class LogThreshold {
  #usual: LogLevel = "info"
  #temporary: Temporary | undefined

  /** Sets the level of the settings. */
  begin(usual: LogLevel): void {
    this.#usual = usual
  }

  /** Sets a level until a time. The usual one ends what was set before. */
  set(level: LogLevel, until: number): void {
    this.#temporary = level === this.#usual ? undefined : { level, until }
  }

  inForce(now: number): LevelInForce {
    if (this.#temporary !== undefined && now >= this.#temporary.until) this.#temporary = undefined
    const { level = this.#usual, until } = this.#temporary ?? {}
    return { level, usual: this.#usual, until }
  }

  /** Whether an entry of this severity is logged now. */
  admits(severity: EffectLevel.LogLevel, now: number): boolean {
    return Order.isGreaterThanOrEqualTo(severity, severities[this.inForce(now).level])
  }

  /** As the metric has it: 1 trace, 2 debug, 3 info, 4 warnings, 5 errors. */
  ordinal(now: number): number {
    return logLevels.indexOf(this.inForce(now).level) + 1
  }
}

/** The threshold of the process. A test that changes it provides its own. */
export const ProcessLogThreshold = Context.Reference<LogThreshold>("atlaspay/telemetry/LogThreshold", {
  defaultValue: () => new LogThreshold(),
})

/** Logs what only those see who look for a fault. Its details are not even made while the level in force hides it. */
export const logDebug = (
  message: string,
  details: () => Readonly<Record<string, unknown>>,
): Effect.Effect<void> =>
  Effect.clockWith((clock) =>
    Effect.flatMap(ProcessLogThreshold, (threshold) =>
      threshold.admits("Debug", clock.currentTimeMillisUnsafe())
        ? Effect.logDebug(message, details())
        : Effect.void,
    ),
  )
