/** The levels of the log, the most talkative first. */
export const logLevels = ["trace", "debug", "info", "warn", "error"] as const
export type LogLevel = (typeof logLevels)[number]
