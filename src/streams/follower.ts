/**
 * Follows the feed of one partition, for all readers of the log: the projector and the publisher.
 *
 * A follower reads a chunk after its cursor, passes it to its handler, and continues after the chunk. The handler stores the
 * cursor together with its work or after it. So nothing is lost, and at most one chunk is handled twice.
 *
 * - Nothing is new: the follower waits, longer each time up to a limit. Every few seconds it reloads the cursor, because a
 *   store that was restored from a backup has an older cursor and lacks the work after it. The feed still has that work.
 * - A store or the handler fails: it waits, longer each time up to a limit, and retries without end. It reloads the cursor,
 *   because the cursor may have moved.
 * - The cursor is elsewhere: another process follows the same partition and was faster. The follower reloads the cursor and
 *   remains as a standby.
 * - An entry is corrupt, does not follow from the one before it, or the feed has changed at the cursor: the partition is
 *   frozen and reported. The other partitions continue.
 */
import { Cause, Context, Effect, Exit, Option, Random } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type Cursor, type CursorMove, FEED_START } from "./cursor-store.ts"
import { visitRange } from "./event-range.ts"
import { CorruptEntry, EventStore, type LoggedEvent } from "./event-store.ts"
import { Feed, type FeedEntry, HistoryLost } from "./feed.ts"
import { isBefore } from "./feed-position.ts"

/** The events of one append. */
export interface ChunkEntry {
  readonly batch: BatchId
  /** The hash before the first event. Absent in entries of earlier releases. */
  readonly base: string | undefined
  readonly events: ReadonlyArray<LoggedEvent>
}

/** Consecutive appends of a partition in commit order: after feed position `from`, up to and including that of `to`. */
export interface Chunk {
  readonly partition: number
  readonly from: string
  readonly to: Cursor
  readonly entries: ReadonlyArray<ChunkEntry>
}

/** The fields of a handler's failure that are logged. */
export interface FollowerFailure {
  readonly _tag: string
  readonly step?: string
  readonly reason: string
}

export interface Follower {
  readonly name: string
  readonly partition: number
  readonly loadCursor: Effect.Effect<Cursor, FollowerFailure>
  /** Handles a chunk and moves the cursor from `chunk.from` to `chunk.to`. It may get the same chunk twice. */
  readonly handle: (chunk: Chunk) => Effect.Effect<CursorMove, FollowerFailure>
}

/** Counts what followers do, for metrics. Does nothing unless provided. */
export const FollowerObserver = Context.Reference<{
  readonly handled: (follower: string, entries: number) => void
  readonly failed: (follower: string) => void
  readonly frozen: (follower: string, partition: number) => void
}>("atlaspay/streams/FollowerObserver", {
  defaultValue: () => ({ handled: () => {}, failed: () => {}, frozen: () => {} }),
})

/** A chunk ends with the append that reaches this many events. An append is never split. */
const CHUNK_EVENTS = 128
const CHUNK_ENTRIES_MAX = 64
const READS_CONCURRENT = 8

const IDLE_MS_MIN = 2
const IDLE_MS_MAX = 50
/** How often an idle follower reloads its cursor. */
const REREAD_MS = 5_000
/** How long a standby waits before it looks again. It takes over when the other follower is gone. */
const STANDBY_MS = 250
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 10_000

/** Runs until it is interrupted or the partition is frozen. */
export const followPartition = Effect.fnUntraced(
  function* (follower: Follower) {
    const streams = { store: yield* EventStore, feed: yield* Feed }
    const observer = yield* FollowerObserver
    let cursor: Cursor | undefined
    let furthest = FEED_START
    const loadCursor = Effect.tap(follower.loadCursor, ({ position }) => {
      const isSetBack = isBefore(position, furthest)
      furthest = position
      return isSetBack
        ? Effect.logError("the stored cursor was set back: later entries are handled again", { position })
        : Effect.void
    })
    let idleMs = IDLE_MS_MIN
    let unreadMs = 0
    let failures = 0
    while (true) {
      const exit = yield* Effect.exit(advance(streams, { ...follower, loadCursor }, cursor))
      if (Exit.isFailure(exit)) {
        const lost = lostHistory(exit.cause)
        if (lost !== undefined) {
          observer.frozen(follower.name, follower.partition)
          return yield* Effect.logError("follower frozen: the log cannot be followed", lost)
        }
        cursor = undefined
        failures += 1
        observer.failed(follower.name)
        yield* waitAfterFailure(exit.cause, failures)
        continue
      }
      failures = 0
      const { outcome, entries } = exit.value
      cursor = exit.value.cursor
      furthest = cursor?.position ?? furthest
      idleMs = outcome === "nothing-new" ? Math.min(idleMs * 2, IDLE_MS_MAX) : IDLE_MS_MIN
      if (outcome === "moved") observer.handled(follower.name, entries)
      if (outcome === "nothing-new") {
        yield* Effect.sleep(idleMs)
        unreadMs += idleMs
        if (unreadMs >= REREAD_MS) cursor = undefined
      }
      if (cursor === undefined || outcome === "moved") unreadMs = 0
      if (outcome === "elsewhere") yield* Effect.sleep(STANDBY_MS)
    }
  },
  (effect, { name, partition }) => Effect.annotateLogs(effect, { follower: name, partition }),
)

/** Handles one chunk, from the given cursor or a loaded one. Gives no cursor if the stored one was elsewhere. */
const advance = Effect.fnUntraced(function* (
  { store, feed }: { readonly store: EventStore["Service"]; readonly feed: Feed["Service"] },
  { partition, loadCursor, handle }: Follower,
  cursor: Cursor | undefined,
) {
  const from = cursor ?? (yield* loadCursor)
  const elsewhere = { outcome: "elsewhere" as const, cursor: undefined, entries: 0 }
  const found = yield* feed
    .entries(partition, from.position, CHUNK_ENTRIES_MAX, from.head)
    .pipe(Effect.catchTag("HistoryLost", (lost) => unlessMoved(loadCursor, from, lost)))
  if (found === undefined) return elsewhere
  const appends = bounded(found)
  const end = appends.at(-1)
  if (end === undefined) return { outcome: "nothing-new" as const, cursor: from, entries: 0 }
  const entries = yield* Effect.forEach(appends, (append) => readAppend(store, append), {
    concurrency: READS_CONCURRENT,
  })
  const to = { position: end.id, head: entries.at(-1)?.events.at(-1)?.hash }
  const outcome = yield* handle({ partition, from: from.position, to, entries })
  return outcome === "moved" ? { outcome, cursor: to, entries: entries.length } : elsewhere
})

/** Lost history, unless another follower moved the cursor while this one was suspended: then the feed was only trimmed. */
const unlessMoved = Effect.fnUntraced(function* (
  loadCursor: Follower["loadCursor"],
  from: Cursor,
  lost: HistoryLost,
) {
  const { position } = yield* loadCursor
  return position === from.position ? yield* lost : undefined
})

/** The first appends, up to the size of a chunk. */
const bounded = (appends: ReadonlyArray<FeedEntry>): ReadonlyArray<FeedEntry> => {
  let events = 0
  const end = appends.findIndex(({ from, to }) => {
    events += to - from + 1
    return events >= CHUNK_EVENTS
  })
  return end === -1 ? appends : appends.slice(0, end + 1)
}

/** Reads the events of an append. Feed and log are written in one step, so they have to agree. */
const readAppend = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  { batch, from, to, base, head }: FeedEntry,
): Effect.fn.Return<ChunkEntry, CorruptEntry | StoreUnavailable> {
  const events: Array<LoggedEvent> = []
  yield* visitRange(store, batch, { version: from - 1, head: base }, to, (recorded) => events.push(recorded))
  if (head !== undefined && events.at(-1)?.hash !== head)
    return yield* new CorruptEntry({
      batch,
      entry: `${to}-0`,
      reason: "its hash differs from the one in the feed",
    })
  return { batch, base, events }
})

/** Fails if an append does not follow what the reader has folded of its batch. */
export const standsOn = (
  head: string,
  { batch, base, events }: ChunkEntry,
): Effect.Effect<void, CorruptEntry> =>
  base === undefined || base === head
    ? Effect.void
    : Effect.fail(
        new CorruptEntry({
          batch,
          entry: `${events[0]?.version}-0`,
          reason: "it does not follow from what was read before: the log was changed",
        }),
      )

/** Doubles the wait each time, with jitter, so that followers do not all retry at the same moment. */
const waitAfterFailure = Effect.fnUntraced(function* (cause: Cause.Cause<FollowerFailure>, failures: number) {
  const longest = Math.min(RETRY_MS_MIN * 2 ** (failures - 1), RETRY_MS_MAX)
  const retryMs = Math.round(longest * (0.5 + (yield* Random.next) / 2))
  const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
  yield* failure === undefined
    ? Effect.logError("follower failed", { failures, retryMs }, cause)
    : Effect.logWarning("follower stalled", { failures, retryMs, ...detailsOf(failure) })
  yield* Effect.sleep(retryMs)
})

/** The failures that a retry cannot repair: an entry that cannot be read, and a feed that lost history. */
const lostHistory = (cause: Cause.Cause<unknown>) => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error instanceof CorruptEntry) return { batch: error.batch, entry: error.entry, reason: error.reason }
  return error instanceof HistoryLost ? { reason: error.reason } : undefined
}

const detailsOf = ({ _tag, step, reason }: FollowerFailure) => ({ error: _tag, step, reason })
