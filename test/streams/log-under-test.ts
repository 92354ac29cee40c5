/** What tests of anything that writes to the event log need of it. */
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { EventLog } from "../../src/streams/event-log.ts"
import { beginningOf } from "../../src/streams/event-range.ts"

/** Takes scheduled batches from all parts of the run queue. */
export const takeFrom = (log: EventLog["Service"], worker: string, limit: number, waitMs: number) =>
  Effect.map(
    Effect.forEach(log.runQueues, (queue) => queue.take(worker, limit, waitMs), { concurrency: "unbounded" }),
    (taken) => taken.flat(),
  )

/** The hash of a log up to a version. */
export const headAt = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  batch: BatchId,
  version: number,
) {
  if (version === 0) return beginningOf(batch).head
  const [event] = yield* log.read(batch, version - 1, 1)
  return event?.hash ?? "beyond the tail"
})
