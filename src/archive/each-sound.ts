/** A step for each of many logs, of which one that is at fault concerns no other. */
import { Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry } from "../streams/event-store.ts"

/** Logs that are dealt with at the same time. */
const AT_ONCE = 4

/** Deals with a log that is at fault. */
export type Failing = (failure: CorruptEntry) => Effect.Effect<void, StoreUnavailable>

/**
 * Does a step for each, and gives what came of it. One whose log is at fault is dealt with; one whose part of Redis does not answer waits
 * for its next turn. Without Postgres nothing goes on.
 */
export const eachSound = Effect.fnUntraced(function* <A, B, R>(
  all: ReadonlyArray<A>,
  fail: Failing,
  step: (one: A) => Effect.Effect<B | undefined, CorruptEntry | StoreUnavailable, R>,
  concurrency = AT_ONCE,
) {
  const done = yield* Effect.forEach(
    all,
    (one) =>
      step(one).pipe(
        Effect.catchTags({
          CorruptEntry: (failure) => Effect.as(fail(failure), undefined),
          StoreUnavailable: (failure) =>
            failure.store === "postgres"
              ? Effect.fail(failure)
              : Effect.as(
                  Effect.logWarning("a log waits for Redis", { step: failure.step, reason: failure.reason }),
                  undefined,
                ),
        }),
      ),
    { concurrency },
  )
  return done.flatMap((one) => (one === undefined ? [] : [one]))
})
