/**
 * What a process does now and then comes together: a loop waits until the next multiple of its interval by a clock that all loops of
 * the process share. So one wake-up serves all of them, and to wake an idle process costs more than most of what it does then.
 * Processes have clocks of their own, so they do not come together.
 */
import { Clock, Effect } from "effect"

/** What Effect's clock shows when that of the process began: both never go back. Milliseconds. */
const BEGAN_AT = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/**
 * How long it is until the next multiple of an interval, at `now` by a clock that never goes back. Whole milliseconds, and one more: a timer
 * may be early by one, and what it wakes would then wait again for the same moment.
 */
export const untilBeatMs = (everyMs: number, now: number): number =>
  Math.ceil(everyMs - (((now % everyMs) + everyMs) % everyMs)) + 1

/** How long it is until the next multiple of an interval, from now. Milliseconds. */
export const untilNextBeatMs = (everyMs: number): Effect.Effect<number> =>
  Effect.map(Clock.monotonicTimeNanos, (now) => untilBeatMs(everyMs, Number(now) / 1e6 - BEGAN_AT))

/** Waits until the next multiple of an interval. */
export const nextBeat = (everyMs: number): Effect.Effect<void> =>
  Effect.flatMap(untilNextBeatMs(everyMs), Effect.sleep)
