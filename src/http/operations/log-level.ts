/** The level of the log of this process: it is shown, and changed for a time. */
import { Clock, DateTime, Effect, Schema } from "effect"
import { logLevels } from "../../log-levels.ts"
import { type LevelInForce, ProcessLogThreshold } from "../../telemetry/log-level.ts"
import { open } from "../routing/guards.ts"
import { oneOf, required, wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"

/** Ten minutes unless a request says otherwise, and a day at most. */
const SECONDS = 600
const SECONDS_MAX = 86_400

const Level = Schema.Literals(logLevels)

const Shown = Schema.Struct({
  level: Level.annotate({ description: "The level from which on the process logs." }),
  usual: Level.annotate({ description: "The level of the settings (`LOG_LEVEL`)." }),
  until: Schema.NullOr(Instant).annotate({ description: "When the usual level is back." }),
}).annotate({ identifier: "LogLevel" })

const example = { level: "info", usual: "info", until: null } as const

const shown = ({ level, usual, until }: LevelInForce) => ({
  level,
  usual,
  until: until === undefined ? null : DateTime.formatIso(DateTime.makeUnsafe(until)),
})

export const showLogLevel = route({
  method: "GET",
  path: "/log-level",
  operationId: "showLogLevel",
  tag: "Operations",
  listener: "operations",
  summary: "Show the level of the log",
  description: "Of this process.",
  guard: open,
  answers: { 200: { description: "The level.", schema: Shown, example } },
  failures: [],
}).handledBy(
  Effect.fnUntraced(function* () {
    const threshold = yield* ProcessLogThreshold
    return reply(200, shown(threshold.inForce(yield* Clock.currentTimeMillis)))
  }),
)

export const setLogLevel = route({
  method: "PUT",
  path: "/log-level",
  operationId: "setLogLevel",
  tag: "Operations",
  listener: "operations",
  summary: "Set the level of the log for a time",
  description:
    "Of this process, without a restart. Then the level of the settings is back, so that nobody has to remember it.",
  guard: open,
  query: {
    level: required(
      oneOf(Level, { description: "The level from which on the process logs.", example: "debug" }),
    ),
    seconds: wholeNumber({
      description: "For how long.",
      minimum: 1,
      maximum: SECONDS_MAX,
      fallback: SECONDS,
      example: 60,
    }),
  },
  answers: {
    200: {
      description: "The level that is in force now.",
      schema: Shown,
      example: { level: "debug", usual: "info", until: "2026-11-28T10:10:00.000Z" },
    },
  },
  failures: [],
}).handledBy(
  Effect.fnUntraced(function* ({ query: { level, seconds } }) {
    const threshold = yield* ProcessLogThreshold
    const now = yield* Clock.currentTimeMillis
    threshold.set(level, now + seconds * 1_000)
    const inForce = threshold.inForce(now)
    // A warning, so that it is seen at any level but one.
    yield* Effect.logWarning("the level of the log was set", shown(inForce))
    return reply(200, shown(inForce))
  }),
)
