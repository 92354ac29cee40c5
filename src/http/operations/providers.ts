/** The health of the providers, as each worker that calls them sees it: an operational route without partners' data. */
import { DateTime, Effect } from "effect"
import { Hono } from "hono"
import type { ChannelReport } from "../../providers/calling/channel.ts"
import { ProviderReports, type WorkerReport } from "../../providers/calling/provider-reports.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"

export const providers = (edge: Edge<ProviderReports>): Hono<EdgeEnv> =>
  new Hono<EdgeEnv>().get("/providers", edge.open(show))

const show = Effect.fnUntraced(function* (c: EdgeContext) {
  const reports = yield* (yield* ProviderReports).all
  const seen = reports.flatMap((report) => report.providers.map((channel) => ({ report, channel })))
  const byName = Map.groupBy(seen, ({ channel }) => channel.name)
  const names = [...byName.keys()].sort()
  return c.json({
    providers: names.map((name) => ({
      name,
      kind: byName.get(name)?.[0]?.channel.kind,
      workers: byName.get(name)?.map(({ report, channel }) => seenBy(report, channel)),
    })),
  })
})

const seenBy = ({ worker, at }: WorkerReport, { name: _, kind: __, ...channel }: ChannelReport) => ({
  worker,
  seenAt: timeOf(at),
  ...channel,
  breaker: { state: channel.breaker.health, since: timeOf(channel.breaker.since) },
  pausedUntil: timeOf(channel.pausedUntil),
  lastFailure:
    channel.lastFailure === undefined
      ? null
      : { kind: channel.lastFailure.kind, at: timeOf(channel.lastFailure.at) },
})

const timeOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : DateTime.formatIso(DateTime.makeUnsafe(ms))
