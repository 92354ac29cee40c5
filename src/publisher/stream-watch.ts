/**
 * Notices that the event stream lost what was published: it was deleted, purged, restored from an older backup, lost its end in a
 * power cut, or is another one. The relay keeps a mark of the stream beside its cursors (see stream-mark.ts). The mark moves
 * before the cursors do, so a stream without the message at the mark lacks events that the cursors count as published. Then
 * they are owed to the stream: republication.ts publishes them again.
 *
 * Any number of processes share the mark. Sequences of a stream only grow, so a message that was sent after another was
 * acknowledged has a larger one. If it has not, or another process moved the mark, the stream is looked at before the mark moves.
 */
import type { StreamInfo } from "@nats-io/jetstream"
import { Clock, Effect, Semaphore } from "effect"
import { AppConfig } from "../config.ts"
import type { Stored } from "../platform/jetstream-publisher.ts"
import { Nats, natsStep } from "../platform/nats.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { type Cursor, CursorStore, FEED_START } from "../streams/cursor-store.ts"
import { Partitions } from "../streams/partitions.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { EventMessage } from "./event-message.ts"
import { ensureEventStream, streamInfo } from "./event-stream.ts"
import { debtToCursor, newDebt } from "./republication-debt.ts"
import { lossOf, markFromCursor, markToCursor, type StreamLoss, type StreamMark } from "./stream-mark.ts"

export interface StreamWatch {
  /** Publishes messages in order. Gives what must be done before cursors move behind them: it records where they are stored. */
  readonly publish: (
    messages: ReadonlyArray<EventMessage>,
  ) => Effect.Effect<Effect.Effect<void, StoreUnavailable>, StoreUnavailable>
  /** Looks at the stream. If it lost messages, reports that and owes them to it. Creates the stream if there is none. */
  readonly check: Effect.Effect<StreamLoss | undefined, StoreUnavailable>
  /** Lets the relay publish again what it published and the read models do not show yet. */
  readonly goBack: Effect.Effect<void, StoreUnavailable>
}

const OWE_TRIES_MAX = 20

/** The name under which the mark and the debt are stored among the cursors, as two partitions. */
export const EVENT_STREAM = "event-stream"
export const MARK = 0
export const DEBT = 1

/** Of `follower`, the relay, whose cursors say what was published. */
export const makeStreamWatch = Effect.fnUntraced(function* (
  follower: string,
  publish: (messages: ReadonlyArray<EventMessage>) => Effect.Effect<Stored | undefined, StoreUnavailable>,
) {
  const { stream, limits } = (yield* AppConfig).nats
  const { manager } = yield* Nats
  const cursors = yield* CursorStore
  const { count } = yield* Partitions
  const { eventStreamLosses } = yield* Metrics
  const partitions = Array.from({ length: count }, (_, partition) => partition)
  const turn = Semaphore.makeUnsafe(1)
  /** What is known here, and what is stored. Unknown until the stream was looked at. */
  let mark: StreamMark | undefined
  let stored: Cursor = { position: FEED_START, head: undefined }

  const idAt = (sequence: number) =>
    natsStep("look at a message", () => manager.streams.getMessage(stream, { seq: sequence })).pipe(
      Effect.map((message) => message?.header.get("Nats-Msg-Id")),
    )

  const hasPublished = Effect.map(cursors.positions(follower), (positions) =>
    [...positions.values()].some((position) => position !== FEED_START),
  )

  const write = Effect.fnUntraced(function* (next: StreamMark) {
    mark = next
    const to = markToCursor(next)
    // The mark of an empty stream has the position of a cursor that never moved.
    if (to.position === stored.position && to.head === stored.head) return true
    const [moved] = yield* cursors.move(EVENT_STREAM, [{ partition: MARK, from: stored.position, to }])
    if (moved !== "moved") return false
    stored = to
    return true
  })

  /** First the debt, then the cursors, then the mark: if this process dies in between, the loss is noticed again. */
  const owe = Effect.fnUntraced(function* (loss: StreamLoss, info: StreamInfo) {
    eventStreamLosses.inc({ loss })
    const { state, config } = info
    yield* Effect.logError("the event stream lost events: they are published again from the logs", {
      stream,
      loss,
      known: mark?.sequence ?? null,
      first: state.first_seq,
      last: state.last_seq,
    })
    const now = yield* Clock.currentTimeMillis
    const ageMsMax = config.max_age / 1_000_000
    const to = debtToCursor(
      newDebt({
        since: ageMsMax > 0 ? now - ageMsMax : 0,
        // A purged stream still drops what it stored within the window.
        notBefore: loss === "purged" ? now + config.duplicate_window / 1_000_000 : now,
      }),
    )
    // Who pays an earlier debt moves it meanwhile, a few times a second.
    for (let tries = 0; ; tries += 1) {
      const from = (yield* cursors.load(EVENT_STREAM, [DEBT])).get(DEBT)?.position ?? FEED_START
      const [moved] = yield* cursors.move(EVENT_STREAM, [{ partition: DEBT, from, to }])
      if (moved === "moved") break
      if (tries === OWE_TRIES_MAX)
        return yield* new StoreUnavailable({ store: "postgres", step: "owe events", reason: "busy" })
    }
    yield* goBack
  })

  /**
   * The debt is paid from the read models. The relay itself publishes again what is not in them, which the feed still has: it
   * goes back to the projector where it is ahead of it.
   */
  const goBack = Effect.andThen(
    // A projector that never began stands at the start.
    cursors.load(PROJECTION, partitions),
    cursors.moveBack(follower, PROJECTION),
  )

  /**
   * The marks that the stream has to bear out, the furthest last. That of this process is one of them where it is ahead of the stored
   * one, as after a restore of Postgres. It does not stand for the stored one: this process may have published to a stream that had
   * lost its end since another process moved the mark.
   */
  const marksOf = (theirs: StreamMark | undefined): ReadonlyArray<StreamMark> => {
    if (theirs === undefined) return []
    if (mark?.created !== theirs.created || mark.sequence <= theirs.sequence) return [theirs]
    return [theirs, { ...theirs, sequence: mark.sequence, id: mark.id }]
  }

  const look = Effect.fnUntraced(function* () {
    // Before the stream is looked at: a mark that moves meanwhile would be ahead of what was seen.
    stored = (yield* cursors.load(EVENT_STREAM, [MARK])).get(MARK) ?? stored
    const info = yield* ensureEventStream(manager, stream, limits)
    const marks = marksOf(markFromCursor(stored))
    const known = marks.at(-1)
    mark = known
    const now = yield* Clock.currentTimeMillis
    let loss: StreamLoss | undefined =
      known === undefined && info.state.last_seq === 0 && (yield* hasPublished) ? "other-stream" : undefined
    for (const one of marks) {
      const idAtMark = isIn(info, one.sequence) ? yield* idAt(one.sequence) : undefined
      loss ??= lossOf(one, { ...factsOf(info, now), idAtMark })
    }
    if (loss !== undefined) yield* owe(loss, info)
    // What is removed already cannot be missed later. It may have been removed since the stream was looked at.
    const { state, created } = loss === undefined ? info : yield* streamInfo(manager, stream)
    const hasLast = isIn({ state }, state.last_seq)
    const checked = hasLast
      ? { sequence: state.last_seq, at: Date.parse(state.last_ts) }
      : { sequence: 0, at: 0 }
    if (known !== undefined && loss === undefined) yield* write({ ...known, checked })
    else {
      const id = hasLast ? ((yield* idAt(state.last_seq)) ?? "") : ""
      yield* write({ created, sequence: state.last_seq, id, checked })
    }
    return loss
  })

  /** Notes where messages are stored. `before` is the last message that was known when they were sent. */
  const note = Effect.fnUntraced(function* (before: number, { first, last, id }: Stored) {
    if (mark === undefined || (first !== undefined && first <= before)) yield* look()
    if (mark === undefined || last <= mark.sequence) return
    if (!(yield* write({ ...mark, sequence: last, id }))) yield* look()
  })

  const watch: StreamWatch = {
    publish: Effect.fnUntraced(function* (messages) {
      const before = mark?.sequence ?? 0
      const stored = yield* publish(messages)
      return stored === undefined ? Effect.void : turn.withPermits(1)(note(before, stored))
    }),
    check: turn.withPermits(1)(Effect.suspend(look)),
    goBack,
  }
  return watch
})

/** Whether the stream has a message of this number, unless it was removed by itself. */
const isIn = ({ state }: Pick<StreamInfo, "state">, sequence: number): boolean =>
  sequence > 0 && sequence >= state.first_seq && sequence <= state.last_seq

/** The largest message, with what JetStream stores beside it. */
const MESSAGE_BYTES_MAX = 128 * 1024

const factsOf = ({ created, config, state, ts }: StreamInfo, now: number) => ({
  created,
  firstSequence: state.first_seq,
  lastSequence: state.last_seq,
  now: ts === undefined ? now : Date.parse(ts),
  ageMsMax: config.max_age / 1_000_000,
  isFull:
    (config.max_msgs > 0 && state.messages >= config.max_msgs) ||
    (config.max_bytes > 0 && state.bytes >= config.max_bytes - MESSAGE_BYTES_MAX),
  replaces: config.max_msgs_per_subject > 0,
})
