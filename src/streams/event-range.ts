import { Effect } from "effect"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { CorruptEntry, type EventLog } from "./event-log.ts"

/** Events in one read: what is in memory at a time beside what the visitor keeps. */
const PAGE_EVENTS = 500

/** Visits events in order. A visitor throws when an event is not legal, and that is a {@link CorruptEntry}. */
export const visitEvents = (
  batch: BatchId,
  events: ReadonlyArray<RecordedEvent>,
  visit: (recorded: RecordedEvent) => void,
): Effect.Effect<void, CorruptEntry> =>
  Effect.suspend(() => {
    for (const recorded of events) {
      try {
        visit(recorded)
      } catch (error) {
        const reason = error instanceof Error ? error.message : "the event is not legal"
        return Effect.fail(new CorruptEntry({ batch, entry: `${recorded.version}-0`, reason }))
      }
    }
    return Effect.void
  })

/**
 * Reads and visits the events after version `after` up to and with version `to`, a page at a time. A log that ends
 * before is a {@link CorruptEntry} too: the feed and the log are written in one step.
 */
export const visitRange = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  batch: BatchId,
  after: number,
  to: number,
  visit: (recorded: RecordedEvent) => void,
) {
  let version = after
  while (version < to) {
    const events = yield* log.read(batch, version, Math.min(PAGE_EVENTS, to - version))
    if (events.length === 0)
      return yield* new CorruptEntry({ batch, entry: `${version + 1}-0`, reason: "the log ends before it" })
    yield* visitEvents(batch, events, visit)
    version += events.length
  }
})

/** Reads and visits everything after a version, a page at a time. */
export const visitLog = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  batch: BatchId,
  after: number,
  visit: (recorded: RecordedEvent) => void,
) {
  let version = after
  while (true) {
    const events = yield* log.read(batch, version, PAGE_EVENTS)
    yield* visitEvents(batch, events, visit)
    version += events.length
    if (events.length < PAGE_EVENTS) return
  }
})
