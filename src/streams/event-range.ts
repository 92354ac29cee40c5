import { Effect } from "effect"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { CorruptEntry, type EventStore, type LoggedEvent } from "./event-store.ts"
import { chainStart } from "./hash-chain.ts"

/**
 * Events per read, which bounds memory besides what the visitor keeps. Pages start small and double, because a log begins
 * with its largest events.
 */
const PAGE_EVENTS_MIN = 16
const PAGE_EVENTS_MAX = 256

/** Visits events in order. If the visitor throws, because an event is not legal, this fails with {@link CorruptEntry}. */
export const visitEvents = <Event extends RecordedEvent>(
  batch: BatchId,
  events: ReadonlyArray<Event>,
  visit: (recorded: Event) => void,
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

/** A version of a log, and the hash of the chain at that version, if known. */
export interface Link {
  readonly version: number
  readonly head: string | undefined
}

/**
 * Reads, verifies and visits the events after a link, up to and including version `to`, page by page. A log that ends
 * before `to` is a {@link CorruptEntry} too: `to` comes from the feed, which is written in the same step as the log.
 */
export const visitRange = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  batch: BatchId,
  after: Link,
  to: number,
  visit: (recorded: LoggedEvent) => void,
) {
  let { version, head } = after
  let page = PAGE_EVENTS_MIN
  while (version < to) {
    const events = yield* store.read(batch, version, Math.min(page, to - version), head)
    if (events.length === 0)
      return yield* new CorruptEntry({ batch, entry: `${version + 1}-0`, reason: "the log ends before it" })
    yield* visitEvents(batch, events, visit)
    version += events.length
    head = events.at(-1)?.hash
    page = Math.min(page * 2, PAGE_EVENTS_MAX)
  }
})

/** Reads, verifies and visits all events after a known version, page by page. Gives the hash of the last one. */
export const visitLog = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  batch: BatchId,
  after: { readonly version: number; readonly head: string },
  visit: (recorded: LoggedEvent) => void,
) {
  let { version, head } = after
  let page = PAGE_EVENTS_MIN
  while (true) {
    const events = yield* store.read(batch, version, page, head)
    yield* visitEvents(batch, events, visit)
    version += events.length
    head = events.at(-1)?.hash ?? head
    if (events.length < page) return head
    page = Math.min(page * 2, PAGE_EVENTS_MAX)
  }
})

/** The link before the first event of a log. */
export const beginningOf = (batch: BatchId) => ({ version: 0, head: chainStart(batch) })
