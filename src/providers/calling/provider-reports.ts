/** Workers' reports on the providers that they call, shown to operators at `GET /providers`. */
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Clock, Context, Effect, Layer } from "effect"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { nextBeat } from "../../telemetry/beat.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { type ChannelReport, ProviderChannels } from "./channel.ts"

/** The report of one worker; `at` is when it was made, in epoch milliseconds. */
export interface WorkerReport {
  readonly worker: string
  readonly at: number
  readonly providers: ReadonlyArray<ChannelReport>
}

/** The latest report of each live worker. */
export class ProviderReports extends Context.Service<
  ProviderReports,
  {
    readonly publish: (report: WorkerReport) => Effect.Effect<void, StoreUnavailable>
    readonly all: Effect.Effect<ReadonlyArray<WorkerReport>, StoreUnavailable>
  }
>()("atlaspay/providers/ProviderReports") {}

const REPORT_MS = 2_000
/** A worker is gone if it has not reported for this long. */
export const REPORT_KEPT_MS = 5 * REPORT_MS

/**
 * Reports for a worker while the layer lives. Nothing depends on a report: if one cannot be published, the next one follows.
 */
export const reportingLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
    const { reports } = yield* ProviderChannels
    const { publish } = yield* ProviderReports
    const { providerRetryBudget, providerWaiting } = yield* Metrics
    const report = Effect.gen(function* () {
      const providers = yield* reports
      for (const { name: provider, waiting, retriesLeft } of providers) {
        providerWaiting.set({ provider }, waiting)
        providerRetryBudget.set({ provider }, retriesLeft)
      }
      yield* publish({ worker, at: yield* Clock.currentTimeMillis, providers })
    })
    const published = Effect.catchTag(report, "StoreUnavailable", ({ reason }) =>
      Effect.logWarning("the state of the providers was not published", { reason }),
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(published, nextBeat(REPORT_MS))))
  }),
)
