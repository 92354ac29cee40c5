/** Readings that keep gauges up to date. None of them may hold anything up, and none that fails may stop the next. */
import { Cause, Effect } from "effect"
import { nextBeat } from "./beat.ts"
import { Metrics } from "./metrics.ts"

/** How long a reading may take. A store that does not answer counts as one that cannot be read. */
const READING_MS_MAX = 10_000

/**
 * Reads at once and then at each multiple of `everyMs`, together with others (beat.ts), while the scope lives. A reading that fails, dies or takes too long is logged and counted under
 * the name `reading`; its gauges go away once that goes on for a while (read-gauge.ts).
 */
export const keepReading = Effect.fnUntraced(function* <E, R>(
  reading: string,
  everyMs: number,
  read: Effect.Effect<void, E, R>,
) {
  const counted = yield* countingFailures(reading)
  const failed = (cause: Cause.Cause<unknown>) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.interrupt
      : Effect.annotateLogs(Effect.logWarning("a reading for metrics failed", cause), { reading })
  yield* read.pipe(
    Effect.timeout(READING_MS_MAX),
    counted,
    Effect.catchCause(failed),
    Effect.andThen(nextBeat(everyMs)),
    Effect.forever,
    Effect.forkScoped,
  )
})

/** Counts failures of work that also reads what gauges show, under the name `reading`. They stay failures. */
export const countingFailures = Effect.fnUntraced(function* (reading: string) {
  const { readingFailures } = yield* Metrics
  readingFailures.inc({ reading }, 0)
  return <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.onError(read, (cause) =>
      Effect.sync(() => {
        if (!Cause.hasInterruptsOnly(cause)) readingFailures.inc({ reading })
      }),
    )
})
