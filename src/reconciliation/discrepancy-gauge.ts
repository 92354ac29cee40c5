/** Shows at `/metrics` what the last reconciliation found. It ran in another process, so the result comes from Postgres. */
import { Effect, Layer } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"
import { type DiscrepancyKind, discrepancyKinds } from "./discrepancy.ts"
import { ReconciliationResults } from "./results.ts"

const EVERY_MS = 60_000

/** Reads the last result every minute while the layer lives. */
export const discrepancyGaugeLayer = Layer.effectDiscard(
  Effect.suspend(() => keepReading("reconciliation", EVERY_MS, showLast)),
)

const kinds = Object.keys(discrepancyKinds) as ReadonlyArray<DiscrepancyKind>

/** Sets the gauge for all kinds, 0 for those that were not found. Sets nothing if no day was ever reconciled. */
export const showLast = Effect.gen(function* () {
  const { discrepancies, reconciledDay } = yield* Metrics
  const last = yield* (yield* ReconciliationResults).last
  if (last === undefined) return
  reconciledDay.set(Date.parse(last.day) / 1_000)
  for (const kind of kinds) discrepancies.set({ kind }, last.byKind.get(kind) ?? 0)
})
