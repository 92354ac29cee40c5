/**
 * How late the event loop is. Node's own monitor wakes an idle process at each sample, which costs it more than all else that it
 * does. This one samples ten times a second while the process is busy, and every two seconds while it is not. So it may miss what held up
 * a process at rest for less than two seconds, if that did not come again.
 */
import { createHistogram, performance, type RecordableHistogram } from "node:perf_hooks"
import { untilBeatMs } from "./beat.ts"

const SAMPLE_EVERY_MS = { busy: 100, atRest: 2_000 } as const
/** From which part of the time on that its loop ran a process is busy. */
const BUSY = 0.1
const NANOSECONDS = 1e6

/** What was sampled, in nanoseconds. */
export type Delays = Omit<RecordableHistogram, "record" | "recordDelta" | "add">

/** Samples for as long as the process lives, and keeps no process alive. */
export const sampleLoopDelay = (): Delays => {
  const delays = createHistogram()
  let load = performance.eventLoopUtilization()
  let everyMs: number = SAMPLE_EVERY_MS.busy
  let dueAt = performance.now() + everyMs
  const sample = () => {
    // The histogram counts from 1.
    delays.record(Math.max(1, Math.round((performance.now() - dueAt) * NANOSECONDS)))
    const { utilization } = performance.eventLoopUtilization(load)
    load = performance.eventLoopUtilization()
    everyMs = utilization < BUSY ? SAMPLE_EVERY_MS.atRest : SAMPLE_EVERY_MS.busy
    next()
  }
  const next = () => {
    const now = performance.now()
    const waitMs = untilBeatMs(everyMs, now)
    dueAt = now + waitMs
    setTimeout(sample, waitMs).unref()
  }
  next()
  return delays
}
