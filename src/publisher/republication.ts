/**
 * Publishes events again from the logs. An event has the id that it had, so JetStream and consumers drop what they have. It is
 * dated to when it happened, so that an endpoint gets nothing from before it was added.
 *
 * The batches are those of the read models. What is not in them is still in the feed, for the relay.
 */
import { Clock, Effect } from "effect"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { ReadModels } from "../projections/read-models.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { beginningOf, visitEvents } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore, type LoggedEvent } from "../streams/event-store.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { type EventMessage, eventMessages } from "./event-message.ts"
import { advanceHistory, emptyHistory } from "./public-history.ts"
import { debtFromCursor, debtToCursor, paid } from "./republication-debt.ts"
import { DEBT, EVENT_STREAM, type StreamWatch } from "./stream-watch.ts"

/** Entries of a log that are read at a time: few at first, because a log begins with its largest ones. */
const ENTRIES_MIN = 16
const ENTRIES_MAX = 64
/** Batches that are listed at a time, and that are held in memory at a time: each may have 100,000 items. */
const BATCHES_MAX = 500
const BATCHES_AT_ONCE = 4

export interface Republished {
  readonly batches: number
  readonly events: number
  /** Batches whose log cannot be read. They are logged. */
  readonly corrupt: number
}

/** Which entries of a log. `since` is a time in epoch milliseconds; `from` is a version. */
export interface Wanted {
  readonly since: number
  readonly from?: number
}

export interface Republication {
  /** Publishes the wanted events of a batch. Gives their number. */
  readonly batch: (id: BatchId, wanted: Wanted) => Effect.Effect<number, StoreUnavailable | CorruptEntry>
  /** The same for a page of batches, after an id. Gives also the id up to which it came; `undefined` at the end. */
  readonly page: (
    after: string,
    wanted: Wanted,
  ) => Effect.Effect<Republished & { readonly last: BatchId | undefined }, StoreUnavailable>
}

/** `publish` gets the messages of each batch in order; an effect that only counts publishes nothing. */
export const makeRepublication = Effect.fnUntraced(function* (
  publish: (messages: ReadonlyArray<EventMessage>) => Effect.Effect<unknown, StoreUnavailable>,
) {
  const { write } = eventMessages(yield* AppConfig)
  const store = yield* EventStore
  const readModels = yield* ReadModels

  const messagesOf = Effect.fnUntraced(function* (
    history: ReturnType<typeof emptyHistory>,
    events: ReadonlyArray<LoggedEvent>,
    { since, from = 1 }: Wanted,
  ) {
    const messages: Array<EventMessage> = []
    yield* visitEvents(history.id, events, (event) => {
      const published = advanceHistory(history, event)
      if (event.version < from) return
      for (const one of published) {
        // Its own time: an entry may stand for several events.
        const at = Date.parse(one.time)
        if (at >= since) messages.push(write(one, at))
      }
    })
    return messages
  })

  const batch: Republication["batch"] = Effect.fnUntraced(function* (id, wanted) {
    const history = emptyHistory(id)
    let link: { readonly version: number; readonly head: string } = beginningOf(id)
    let count = 0
    for (let entries = ENTRIES_MIN; ; entries = Math.min(2 * entries, ENTRIES_MAX)) {
      const events = yield* store.read(id, link.version, entries, link.head)
      const last = events.at(-1)
      if (last === undefined) return count
      const messages = yield* messagesOf(history, events, wanted)
      // Nothing is published that a failover could still lose.
      yield* store.replicated(id, last.version, last.hash).pipe(
        Effect.catchTag("OwnershipLost", () =>
          Effect.fail(
            new StoreUnavailable({
              store: "redis",
              step: "publish again",
              reason: "a failover changed the log",
            }),
          ),
        ),
      )
      yield* publish(messages)
      count += messages.length
      link = { version: last.version, head: last.hash }
    }
  })

  const page: Republication["page"] = Effect.fnUntraced(function* (after, wanted) {
    const shown = yield* readModels.shown(after, BATCHES_MAX)
    const changed = shown.filter(({ updatedAt }) => updatedAt >= wanted.since)
    const counts = yield* Effect.forEach(
      changed,
      ({ id }) =>
        batch(id, wanted).pipe(
          Effect.catchTag("CorruptEntry", ({ entry, reason }) =>
            Effect.as(
              Effect.logError("the events of a batch cannot be published again", {
                batch: id,
                entry,
                reason,
              }),
              undefined,
            ),
          ),
        ),
      { concurrency: BATCHES_AT_ONCE },
    )
    const readable = counts.filter((count) => count !== undefined)
    return {
      batches: readable.length,
      events: readable.reduce((sum, count) => sum + count, 0),
      corrupt: counts.length - readable.length,
      last: shown.length < BATCHES_MAX ? undefined : shown.at(-1)?.id,
    }
  })

  return { batch, page }
})

/**
 * Pays what is owed to the stream, page by page, and records how far it is. Several processes may do this: they publish some
 * pages twice. Returns once nothing is owed, or what is owed has to wait.
 */
export const payDebt = Effect.fnUntraced(function* (watch: StreamWatch) {
  const cursors = yield* CursorStore
  const { eventsRepublished } = yield* Metrics
  const { page } = yield* makeRepublication((messages) => Effect.flatten(watch.publish(messages)))
  while (true) {
    const stored = (yield* cursors.load(EVENT_STREAM, [DEBT])).get(DEBT)
    const debt = stored && debtFromCursor(stored)
    if (stored === undefined || debt === undefined || debt.notBefore > (yield* Clock.currentTimeMillis))
      return
    // By now the relay may have gone on, past events that a purged stream took for repetitions, and the projector not.
    if (debt.after === "") yield* watch.goBack
    const { last, ...done } = yield* page(debt.after, { since: debt.since })
    eventsRepublished.inc(done.events)
    yield* cursors.move(EVENT_STREAM, [
      {
        partition: DEBT,
        from: stored.position,
        to: last === undefined ? paid(debt) : debtToCursor({ ...debt, after: last }),
      },
    ])
    if (last === undefined || done.events > 0)
      yield* Effect.logInfo(
        last === undefined ? "all events are published again" : "events are being published again",
        { upTo: last ?? null, ...done },
      )
  }
})
