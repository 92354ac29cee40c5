/**
 * Follows the log and publishes its public events on JetStream.
 *
 * The cursor moves behind a chunk once JetStream has acknowledged all its events. Until then the whole chunk is published
 * again. Ids are derived from the log, so JetStream drops duplicates within two minutes, and consumers drop older ones. Any
 * number of relays may run. Each message is sealed: see event-message.ts. What the stream loses later is published again: see
 * stream-watch.ts.
 */
import { Clock, Effect, Layer, type Scope } from "effect"
import { AppConfig } from "../config.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { makePublisher, type Stored } from "../platform/jetstream-publisher.ts"
import { Nats, whenJetStreamCan } from "../platform/nats.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { foldTo } from "../streams/batch-fold.ts"
import { type ChunkEntry, standsOn } from "../streams/chunk.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { visitEvents } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore } from "../streams/event-store.ts"
import { FoldCache } from "../streams/fold-cache.ts"
import { follow, type Prepared } from "../streams/follower.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Tracing } from "../traces/tracing.ts"
import { type EventMessage, eventMessages } from "./event-message.ts"
import { publicationOf, recordPublished } from "./event-spans.ts"
import { ensureEventStream, reportDifferences } from "./event-stream.ts"
import { advanceHistory, emptyHistory } from "./public-history.ts"
import { payDebt } from "./republication.ts"
import { makeStreamWatch } from "./stream-watch.ts"

export interface Relay {
  /** The sealed messages of the public events of these entries, in order. */
  readonly messagesOf: (
    entries: ReadonlyArray<ChunkEntry>,
  ) => Effect.Effect<ReadonlyArray<EventMessage>, StoreUnavailable | CorruptEntry>
  /** Publishes messages in order. Resolves once JetStream has stored all of them, and gives where. */
  readonly publish: (
    messages: ReadonlyArray<EventMessage>,
  ) => Effect.Effect<Stored | undefined, StoreUnavailable>
}

/** The follower name of the relay's cursors. */
export const FOLLOWER = "publisher"
const WARM_ITEMS_MAX = 100_000
const ACKS_OUTSTANDING_MAX = 256
const ACK_MS_MAX = 5_000
/** How often the stream is looked at, and what is owed to it is paid. */
const LOOK_EVERY_MS = 5_000

/** The publisher role: relays every partition for as long as the layer lives. Looks at the stream every `lookEveryMs`. */
export const layerWith = (lookEveryMs: number) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { stream, limits } = (yield* AppConfig).nats
      const { manager } = yield* Nats
      const cursors = yield* CursorStore
      const relay = yield* makeRelay
      const pass = yield* CrashPoints
      const watch = yield* makeStreamWatch(FOLLOWER, relay.publish)
      const ensureStream = ensureEventStream(manager, stream, limits)
      yield* whenJetStreamCan(Effect.andThen(ensureStream, reportDifferences(manager, stream, limits)))
      yield* Effect.forkScoped(regularly("the event stream is not looked at", watch.check, lookEveryMs))
      yield* Effect.forkScoped(regularly("events wait to be published again", payDebt(watch), lookEveryMs))
      yield* follow({
        name: FOLLOWER,
        loadCursors: (partitions) => cursors.load(FOLLOWER, partitions),
        prepare: ({ entries }) => relay.messagesOf(entries),
        commit: Effect.fnUntraced(function* (prepared: ReadonlyArray<Prepared<ReadonlyArray<EventMessage>>>) {
          // Recreates a stream that somebody deleted, so that the retry succeeds.
          const noted = yield* watch
            .publish(prepared.flatMap(({ work }) => work))
            .pipe(
              Effect.tapErrorTag("StoreUnavailable", ({ store }) =>
                store === "nats" ? ensureStream : Effect.void,
              ),
            )
          yield* pass("after-publish")
          // What is published twice is recognised, so the next chunks need not wait for the cursors of these.
          return noted.pipe(
            Effect.andThen(
              cursors.move(
                FOLLOWER,
                prepared.map(({ chunk }) => chunk),
              ),
            ),
            Effect.tap(() => pass("after-cursor")),
          )
        }),
      })
    }),
  )

export const layer = layerWith(LOOK_EVERY_MS)

/** Does something now and then, for ever. What fails is reported and tried again, also by a mistake of ours. */
const regularly = <A, R>(failing: string, step: Effect.Effect<A, StoreUnavailable, R>, everyMs: number) =>
  step.pipe(
    Effect.catchTag("StoreUnavailable", ({ store, step, reason }) =>
      Effect.logWarning(failing, { store, step, reason }),
    ),
    Effect.catchDefect((defect) => Effect.logError(failing, { reason: String(defect) })),
    Effect.andThen(nextBeat(everyMs)),
    Effect.forever,
  )

export const makeRelay: Effect.Effect<Relay, never, AppConfig | EventStore | Nats | Scope.Scope> = Effect.gen(
  function* () {
    const settings = yield* AppConfig
    const { stream } = settings.nats
    const { write } = eventMessages(settings)
    const publishTogether = yield* makePublisher((yield* Nats).connection, stream, ACK_MS_MAX)
    const store = yield* EventStore
    const pass = yield* CrashPoints
    const recording = yield* Tracing
    const histories = new FoldCache(emptyHistory, { itemsMax: WARM_ITEMS_MAX })

    const messagesOf = Effect.fnUntraced(function* (entry: ChunkEntry) {
      const { batch, events } = entry
      const [first] = events
      if (first === undefined) return []
      const before = first.version - 1
      const history = histories.take(batch, before)
      yield* foldTo(store, batch, history, before, advanceHistory)
      yield* standsOn(history.head, entry)
      const messages: Array<EventMessage> = []
      const at = yield* Clock.currentTimeMillis
      yield* visitEvents(batch, events, (event) => {
        for (const published of advanceHistory(history, event)) {
          const message = write(published, at)
          const publication = recording && publicationOf(recording, published, history.batch.trace, stream)
          messages.push(publication === undefined ? message : { ...message, publication })
        }
      })
      histories.put(batch, history)
      return messages
    })

    return {
      messagesOf: (entries) => Effect.map(Effect.forEach(entries, messagesOf), (messages) => messages.flat()),
      publish: Effect.fnUntraced(function* (messages) {
        let stored: Stored | undefined
        const startedAt = yield* Clock.currentTimeMillis
        for (let from = 0; from < messages.length; from += ACKS_OUTSTANDING_MAX) {
          yield* pass(from === 0 ? "before-publish" : "within-publish")
          stored = together(stored, yield* publishTogether(messages.slice(from, from + ACKS_OUTSTANDING_MAX)))
        }
        if (recording !== undefined)
          recordPublished(recording, messages, startedAt, yield* Clock.currentTimeMillis)
        return stored
      }),
    }
  },
)

const together = (one: Stored | undefined, next: Stored | undefined): Stored | undefined => {
  if (one === undefined || next === undefined) return next ?? one
  const firsts = [one.first, next.first].filter((first) => first !== undefined)
  const { last, id } = next.last > one.last ? next : one
  return { first: firsts.length === 0 ? undefined : Math.min(...firsts), last, id }
}
