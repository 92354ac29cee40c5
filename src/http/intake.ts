import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { EventLog, type StreamsUnavailable } from "../streams/event-log.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { IntakeFull } from "./failures.ts"

/** How long intake trusts what it last saw of the backlog. */
const BACKLOG_FRESH_MS = 250

/** The gate in front of new batches: closed while more batches are open than `worker.backlogMax`. */
export class Intake extends Context.Service<
  Intake,
  { readonly admit: Effect.Effect<void, IntakeFull | StreamsUnavailable> }
>()("atlaspay/http/Intake") {
  static readonly layer = Layer.effect(
    Intake,
    Effect.gen(function* () {
      const { backlogMax } = (yield* AppConfig).worker
      const log = yield* EventLog
      const { openBatches } = yield* Metrics
      const measured = Effect.tap(log.backlog, (open) => Effect.sync(() => openBatches.set(open)))
      const backlog = yield* Effect.cachedWithTTL(measured, BACKLOG_FRESH_MS)
      return Intake.of({
        admit: Effect.flatMap(backlog, (open) =>
          open > backlogMax ? Effect.fail(new IntakeFull()) : Effect.void,
        ),
      })
    }),
  )
}
