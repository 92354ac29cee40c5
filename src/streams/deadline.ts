import { Clock, Effect } from "effect"
import { StoreUnavailable } from "../platform/store-unavailable.ts"

/** How long one partition may hold up what is done for all of them: they live on different servers. */
const PARTITION_MS_MAX = 1_000

/** Servers are waited for by real time, also where a simulation sets the service's own. */
const realTime = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())

/** Gives a step on one partition up after a second; whether it was done is not known then. */
export const inTime = <A, E = never>(
  step: Effect.Effect<A, E | StoreUnavailable>,
): Effect.Effect<A, E | StoreUnavailable> =>
  Effect.timeoutOrElse(step, {
    duration: PARTITION_MS_MAX,
    orElse: () => Effect.fail(new StoreUnavailable({ store: "redis", step: "partition", reason: "TIMEOUT" })),
  }).pipe(realTime)
