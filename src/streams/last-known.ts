import { Clock, Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/**
 * Remembers the last value read from each partition, and gives it while reads fail, until it is older than `ageMsMax`.
 */
export const lastKnown = <A>(ageMsMax: number) => {
  const known = new Map<string, { readonly found: A; readonly at: number }>()
  return Effect.fnUntraced(function* (partition: string, reading: Effect.Effect<A, StoreUnavailable>) {
    const at = yield* Clock.currentTimeMillis
    const last = known.get(partition)
    return yield* Effect.matchEffect(reading, {
      onSuccess: (found) => {
        known.set(partition, { found, at })
        return Effect.succeed(found)
      },
      onFailure: (error) =>
        last !== undefined && at - last.at <= ageMsMax ? Effect.succeed(last.found) : Effect.fail(error),
    })
  })
}
