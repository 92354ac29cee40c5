/** How a rebuild meets failures: stores are asked again, and what cannot go on says why. */
import { Effect, Schedule, Schema } from "effect"

/** A rebuild that did not come to its end. What it did is kept. */
export class RebuildStopped extends Schema.TaggedError<RebuildStopped>()("RebuildStopped", {
  reason: Schema.String,
}) {}

/** This process does not have the rebuild any more. */
export const lost = Effect.fail(
  new RebuildStopped({ reason: "another process took the rebuild over, or it was abandoned" }),
)

const RETRIES_MAX = 14
const fromTenthOfSecond = Schedule.exponential("100 millis", 1.5)

/** Does a step again for about a minute while a store is unavailable. */
export const patiently = <A, E extends { readonly _tag: string }, R>(
  step: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.retry(step, {
    times: RETRIES_MAX,
    schedule: fromTenthOfSecond,
    while: ({ _tag }) => _tag === "StoreUnavailable",
  })
