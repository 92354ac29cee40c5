/** The operational routes: whether the service lives, whether it is ready, and its metrics. */
import { Clock, Context, Effect, Exit, Schema } from "effect"
import { Lifecycle } from "../../platform/lifecycle.ts"
import { ProcessLogThreshold } from "../../telemetry/log-level.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { metricsText, OPEN_METRICS } from "../../telemetry/open-metrics.ts"
import { open } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"

/** A part that the service depends on; `check` succeeds if it answers. */
export interface ReadinessCheck {
  readonly name: string
  /** Whether the service is not ready without it. Without other parts it is ready, and degraded. */
  readonly required: boolean
  readonly check: Effect.Effect<void, unknown>
}

/** The parts that `/readyz` checks. */
export class ReadinessChecks extends Context.Service<ReadinessChecks, ReadonlyArray<ReadinessCheck>>()(
  "atlaspay/http/ReadinessChecks",
) {}

const CHECK_MS_MAX = 1_000

/** Whether the process lives; the API has this route too. */
export const isAlive = route({
  method: "GET",
  path: "/healthz",
  operationId: "isAlive",
  tag: "Operations",
  listener: "both",
  summary: "Whether the process is alive",
  description: "It answers as long as the process runs, whatever the stores do.",
  guard: open,
  answers: {
    200: {
      description: "It is alive.",
      schema: Schema.Struct({ status: Schema.Literal("alive") }).annotate({ identifier: "Liveness" }),
      example: { status: "alive" },
    },
  },
  failures: [],
}).handledBy(() => Effect.succeed(reply(200, { status: "alive" })))

const notAnswering = Schema.Array(Schema.String).annotate({ description: "The parts that do not answer." })

const Ready = Schema.Struct({
  status: Schema.Literals(["ready", "degraded"]),
  notAnswering: Schema.optionalKey(notAnswering),
}).annotate({ identifier: "Readiness" })

const NotReady = Schema.Struct({
  status: Schema.Literals(["not-ready", "stopping"]),
  notAnswering,
}).annotate({ identifier: "NotReady" })

export const isReady = route({
  method: "GET",
  path: "/readyz",
  operationId: "isReady",
  tag: "Operations",
  listener: "operations",
  summary: "Whether the process can work",
  description:
    "Checks the parts that the service depends on. Without a part that is not required, it is degraded. A process that stops is not ready, whatever answers.",
  guard: open,
  answers: {
    200: { description: "It is ready, or degraded.", schema: Ready, example: { status: "ready" } },
    503: {
      description: "It is not ready.",
      schema: NotReady,
      headers: { "retry-after": { description: "After how many seconds to ask again.", example: "1" } },
      example: { status: "not-ready", notAnswering: ["redis"] },
    },
  },
  failures: [],
}).handledBy(
  Effect.fnUntraced(function* () {
    const { isStopping } = yield* Lifecycle
    if (isStopping)
      return reply(503, { status: "stopping" as const, notAnswering: [] }, { "retry-after": "1" })
    const checks = yield* ReadinessChecks
    const silent = (yield* Effect.forEach(checks, silentPart, { concurrency: "unbounded" })).flat()
    const notAnswering = silent.map(({ name }) => name)
    if (silent.some(({ required }) => required))
      return reply(503, { status: "not-ready" as const, notAnswering }, { "retry-after": "1" })
    return silent.length === 0
      ? reply(200, { status: "ready" as const })
      : reply(200, { status: "degraded" as const, notAnswering })
  }),
)

/** The part, if it does not answer. The reason goes to the log only. */
const silentPart = Effect.fnUntraced(function* (part: ReadinessCheck) {
  const exit = yield* Effect.exit(Effect.timeout(part.check, CHECK_MS_MAX))
  ;(yield* Metrics).readiness.set({ part: part.name }, Exit.isSuccess(exit) ? 1 : 0)
  if (Exit.isSuccess(exit)) return []
  yield* Effect.logWarning("a dependency does not answer", exit.cause).pipe(
    Effect.annotateLogs({ part: part.name }),
  )
  return [part]
})

export const showMetrics = route({
  method: "GET",
  path: "/metrics",
  operationId: "showMetrics",
  tag: "Operations",
  listener: "operations",
  summary: "Show the metrics",
  description:
    "In the text format of Prometheus, or as OpenMetrics with exemplars if `Accept` prefers it. No metric has a partner's data.",
  guard: open,
  answers: {
    200: {
      description: "The metrics.",
      schema: Schema.String,
      mediaType: "text/plain",
      example: "# TYPE atlaspay_http_requests_total counter\n",
      otherMediaTypes: { [OPEN_METRICS]: { example: "# TYPE atlaspay_http_requests counter\n# EOF\n" } },
    },
  },
  failures: [],
}).handledBy(
  Effect.fnUntraced(function* ({ mediaType }) {
    const { registry, logLevel } = yield* Metrics
    logLevel.set((yield* ProcessLogThreshold).ordinal(yield* Clock.currentTimeMillis))
    const { text, contentType } = yield* Effect.promise(() =>
      metricsText(registry, mediaType === OPEN_METRICS),
    )
    return reply(200, text, { "content-type": contentType })
  }),
)
