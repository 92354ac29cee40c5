/** How the providers are, as each worker that calls them sees it. For those who run the service; no partner's data. */
import { DateTime, Effect } from "effect"
import { Hono } from "hono"
import type { LaneReport } from "../../providers/calling/lane.ts"
import { ProviderReports, type WorkerReport } from "../../providers/calling/provider-reports.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"

export const providers = (edge: Edge<ProviderReports>): Hono<EdgeEnv> =>
  new Hono<EdgeEnv>().get("/providers", edge.open(show))

const show = Effect.fnUntraced(function* (c: EdgeContext) {
  const reports = yield* (yield* ProviderReports).all
  const seen = reports.flatMap((report) => report.providers.map((lane) => ({ report, lane })))
  const byName = Map.groupBy(seen, ({ lane }) => lane.name)
  const names = [...byName.keys()].sort()
  return c.json({
    providers: names.map((name) => ({
      name,
      kind: byName.get(name)?.[0]?.lane.kind,
      workers: byName.get(name)?.map(({ report, lane }) => seenBy(report, lane)),
    })),
  })
})

const seenBy = ({ worker, at }: WorkerReport, { name: _, kind: __, ...lane }: LaneReport) => ({
  worker,
  seenAt: timeOf(at),
  ...lane,
  breaker: { state: lane.breaker.health, since: timeOf(lane.breaker.since) },
  pausedUntil: timeOf(lane.pausedUntil),
  lastFailure:
    lane.lastFailure === undefined ? null : { kind: lane.lastFailure.kind, at: timeOf(lane.lastFailure.at) },
})

const timeOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : DateTime.formatIso(DateTime.makeUnsafe(ms))
