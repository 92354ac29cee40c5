/** How many items wait for somebody or something, and for how long, by the read models, as gauges. */
import { Clock, Effect, Layer } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"

/** What items wait in. */
export const waits = [
  "screening",
  "unknown",
  "parked",
  "held",
  "awaiting-funds",
  "awaiting-approval",
] as const
export type Wait = (typeof waits)[number]

export interface Waiting {
  readonly state: Wait
  readonly count: number
  /** Since when the oldest one waits, in epoch milliseconds; `undefined` if none does. */
  readonly since: number | undefined
}

const EVERY_MS = 15_000

/** Keeps the gauges up to date by what `read` finds. All processes that do so show the same. */
export const waitingItemsLayer = (read: Effect.Effect<ReadonlyArray<Waiting>, StoreUnavailable>) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { itemsWaiting, itemsWaitingOldestSeconds } = yield* Metrics
      yield* keepReading(
        "waiting-items",
        EVERY_MS,
        Effect.gen(function* () {
          const found = yield* read
          const now = yield* Clock.currentTimeMillis
          for (const { state, count, since } of found) {
            itemsWaiting.set({ state }, count)
            itemsWaitingOldestSeconds.set(
              { state },
              since === undefined ? 0 : Math.max(0, now - since) / 1_000,
            )
          }
        }),
      )
    }),
  )
