/** How many items wait for somebody or something, and for how long, by the read models, as gauges. */
import { Clock, Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"
import { waitingItems } from "./waiting-items-postgres.ts"

const EVERY_MS = 15_000

/** Keeps the gauges up to date. All processes that do so show the same. */
export const waitingItemsLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { itemsWaiting, itemsWaitingOldestSeconds } = yield* Metrics
    const read = waitingItems((yield* Database).query)
    yield* keepReading(
      "waiting-items",
      EVERY_MS,
      Effect.gen(function* () {
        const found = yield* read
        const now = yield* Clock.currentTimeMillis
        for (const { state, count, since } of found) {
          itemsWaiting.set({ state }, count)
          itemsWaitingOldestSeconds.set({ state }, since === undefined ? 0 : Math.max(0, now - since) / 1_000)
        }
      }),
    )
  }),
)
