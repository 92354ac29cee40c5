/** The health of the providers, as each worker that calls them sees it: an operational route without partners' data. */
import { DateTime, Effect, Schema } from "effect"
import type { ChannelReport } from "../../providers/calling/channel.ts"
import { ProviderReports, type WorkerReport } from "../../providers/calling/provider-reports.ts"
import { open } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"

const InstantOrNull = Schema.NullOr(Instant)

const Policy = Schema.Struct({
  timeoutMs: Schema.Finite,
  concurrency: Schema.Finite,
  concurrencyOfAll: Schema.optionalKey(Schema.Finite),
  ratePerSecond: Schema.optionalKey(Schema.Finite),
  patienceMs: Schema.Finite,
  pauseMsMax: Schema.Finite,
  retries: Schema.Struct({
    attemptsMax: Schema.Finite,
    baseMs: Schema.Finite,
    capMs: Schema.Finite,
    budgetPercent: Schema.Finite,
  }),
  breaker: Schema.Struct({
    failurePercent: Schema.Finite,
    calls: Schema.Finite,
    callsMin: Schema.Finite,
    openMs: Schema.Finite,
  }),
}).annotate({
  identifier: "CallPolicy",
  description: "How the service calls the provider; times in milliseconds.",
})

const SeenProvider = Schema.Struct({
  worker: Schema.String,
  seenAt: InstantOrNull,
  policy: Policy,
  breaker: Schema.Struct({ state: Schema.String, since: InstantOrNull }),
  pausedUntil: InstantOrNull,
  calls: Schema.Int,
  failures: Schema.Int,
  retries: Schema.Int,
  retriesLeft: Schema.Finite,
  waiting: Schema.Int,
  lastFailure: Schema.NullOr(Schema.Struct({ kind: Schema.String, at: InstantOrNull })),
}).annotate({ identifier: "SeenProvider" })

const Providers = Schema.Struct({
  providers: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      kind: Schema.optionalKey(Schema.String),
      workers: Schema.Array(SeenProvider),
    }),
  ),
}).annotate({ identifier: "Providers" })

export const showProviders = route({
  method: "GET",
  path: "/providers",
  operationId: "showProviders",
  tag: "Operations",
  listener: "operations",
  summary: "Show the health of the providers",
  description: "As each worker that calls them sees it.",
  guard: open,
  answers: { 200: { description: "The providers.", schema: Providers, example: { providers: [] } } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* () {
    const reports = yield* (yield* ProviderReports).all
    const seen = reports.flatMap((report) => report.providers.map((channel) => ({ report, channel })))
    const byName = [...Map.groupBy(seen, ({ channel }) => channel.name)].sort(([a], [b]) => (a < b ? -1 : 1))
    return reply(200, {
      providers: byName.map(([name, entries]) => ({
        name,
        kind: entries[0]?.channel.kind,
        workers: entries.map(({ report, channel }) => seenBy(report, channel)),
      })),
    })
  }),
)

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
