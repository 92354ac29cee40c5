/** Shows at `/metrics` what the last reconciliation found. It ran in a process that is long gone. */
import { Effect, Layer, Schedule } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import { type DiscrepancyKind, discrepancyKinds } from "./discrepancy.ts"
import { ReconciliationResults } from "./results.ts"

const EVERY_MS = 60_000

/** Reads the last result every minute for as long as the layer lives; without an answer the gauge stays as it is. */
export const discrepancyGaugeLayer = Layer.effectDiscard(
  Effect.suspend(() => showLast).pipe(
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("last reconciliation not shown", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(EVERY_MS)),
    Effect.forkScoped,
  ),
)

const kinds = Object.keys(discrepancyKinds) as ReadonlyArray<DiscrepancyKind>

/** Sets all kinds, also those that were not found; nothing where no day was ever reconciled. */
export const showLast = Effect.gen(function* () {
  const { discrepancies, reconciledDay } = yield* Metrics
  const last = yield* (yield* ReconciliationResults).last
  if (last === undefined) return
  reconciledDay.set(Date.parse(last.day) / 1_000)
  for (const kind of kinds) discrepancies.set({ kind }, last.byKind.get(kind) ?? 0)
})
