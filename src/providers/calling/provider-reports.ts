/** What workers tell of the providers that they call, for whoever runs the service: shown at `GET /providers`. */
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Clock, Context, Effect, Layer } from "effect"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { type ChannelReport, ProviderChannels } from "./channel.ts"

/** The report of one worker, with when it was made in epoch milliseconds. */
export interface WorkerReport {
  readonly worker: string
  readonly at: number
  readonly providers: ReadonlyArray<ChannelReport>
}

/** The latest report of each worker that lives. */
export class ProviderReports extends Context.Service<
  ProviderReports,
  {
    readonly publish: (report: WorkerReport) => Effect.Effect<void, StoreUnavailable>
    readonly all: Effect.Effect<ReadonlyArray<WorkerReport>, StoreUnavailable>
  }
>()("atlaspay/providers/ProviderReports") {}

const REPORT_MS = 2_000
/** A worker that has not reported for so long is gone. */
export const REPORT_KEPT_MS = 5 * REPORT_MS

/** Reports for a worker while the layer lives. Nothing depends on it: what cannot be published is told the next time. */
export const reportingLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const worker = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
    const { reports } = yield* ProviderChannels
    const { publish } = yield* ProviderReports
    const { providerWaiting } = yield* Metrics
    const report = Effect.gen(function* () {
      const providers = yield* reports
      for (const { name, waiting } of providers) providerWaiting.set({ provider: name }, waiting)
      yield* publish({ worker, at: yield* Clock.currentTimeMillis, providers })
    })
    const told = Effect.catchTag(report, "StoreUnavailable", ({ reason }) =>
      Effect.logWarning("providers' state not published", { reason }),
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(told, Effect.sleep(REPORT_MS))))
  }),
)
