/** The port to how much waits for a worker, and the gauges of it. */
import { Context, Effect, Layer } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"

/** The batches of all partitions that are due and that no worker has, and for how long the oldest has been due. */
export interface Depth {
  readonly batches: number
  readonly oldestMs: number
}

export class QueueDepth extends Context.Service<
  QueueDepth,
  {
    /** A bounded look at each partition. Fails if one of them does not answer: the others do not say how much waits. */
    readonly depth: Effect.Effect<Depth, StoreUnavailable>
  }
>()("atlaspay/streams/QueueDepth") {}

const EVERY_MS = 10_000

/** Keeps the gauges of the run queue up to date. All processes that do so show the same. */
export const queueGaugesLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { queuedBatches, queuedOldestSeconds } = yield* Metrics
    const { depth } = yield* QueueDepth
    yield* keepReading(
      "run-queue",
      EVERY_MS,
      Effect.map(depth, ({ batches, oldestMs }) => {
        queuedBatches.set(batches)
        queuedOldestSeconds.set(oldestMs / 1_000)
      }),
    )
  }),
)
