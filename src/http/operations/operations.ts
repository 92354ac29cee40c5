/** The operational routes: whether the service lives, whether it is ready, and its metrics. */
import { Context, Effect, Exit } from "effect"
import { Hono } from "hono"
import { Metrics } from "../../telemetry/metrics.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"

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
export const isAlive = (c: EdgeContext): Response => c.json({ status: "alive" })

export const operations = (edge: Edge<ReadinessChecks>): Hono<EdgeEnv> =>
  new Hono<EdgeEnv>().get("/readyz", edge.open(ready)).get("/metrics", edge.open(metrics))

const ready = Effect.fnUntraced(function* (c: EdgeContext) {
  const checks = yield* ReadinessChecks
  const silent = (yield* Effect.forEach(checks, silentPart, { concurrency: "unbounded" })).flat()
  const notAnswering = silent.map(({ name }) => name)
  if (silent.some(({ required }) => required))
    return c.json({ status: "not-ready", notAnswering }, 503, { "retry-after": "1" })
  return silent.length === 0 ? c.json({ status: "ready" }) : c.json({ status: "degraded", notAnswering })
})

/** The part, if it does not answer. The reason goes to the log only. */
const silentPart = Effect.fnUntraced(function* (part: ReadinessCheck) {
  const exit = yield* Effect.exit(Effect.timeout(part.check, CHECK_MS_MAX))
  if (Exit.isSuccess(exit)) return []
  yield* Effect.logWarning("a dependency does not answer", exit.cause).pipe(
    Effect.annotateLogs({ part: part.name }),
  )
  return [part]
})

const metrics = Effect.fnUntraced(function* (c: EdgeContext) {
  const { registry } = yield* Metrics
  const text = yield* Effect.promise(() => registry.metrics())
  return c.body(text, 200, { "content-type": registry.contentType })
})
