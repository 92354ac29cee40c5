import { Clock, Effect } from "effect"
import { StoreUnavailable } from "../platform/store-unavailable.ts"

/** How long one partition may delay a step over all partitions: they are on different servers. */
const PARTITION_MS_MAX = 1_000

/** A simulation may set the service's clock, but servers answer in real time. */
export const realTime = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())

/** A step on one partition took too long. It may still have been done. */
export const partitionTimeout = new StoreUnavailable({
  store: "redis",
  step: "partition",
  reason: "TIMEOUT",
})

/** Gives up a step on one partition after some milliseconds. The step may still have been done. */
export const inTime = <A, E = never>(
  step: Effect.Effect<A, E | StoreUnavailable>,
  msMax = PARTITION_MS_MAX,
): Effect.Effect<A, E | StoreUnavailable> =>
  Effect.timeoutOrElse(step, {
    duration: msMax,
    orElse: () => Effect.fail(partitionTimeout),
  }).pipe(realTime)
