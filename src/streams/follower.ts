/**
 * Follows the feed of one partition: what every reader of the log shares, whatever it makes of the events.
 *
 * A follower reads a chunk after its cursor, hands it over, and goes on from where the chunk ended. The handler stores
 * the cursor itself, together with its work or after it, so nothing is lost and at most one chunk is seen again.
 *
 * - nothing new: it waits, longer each time up to a limit, and every few seconds loads the cursor anew: a store that
 *   came back older than it was has lost the work behind the cursor as well, and the feed still has it;
 * - a store or the handler failed: it waits longer each time, for ever, then loads the cursor anew, because nobody
 *   knows whether it moved;
 * - the cursor is elsewhere: another process follows the partition too and was faster. It loads the cursor and stays
 *   behind as a standby;
 * - an entry is corrupt, does not follow from what was before it, or the feed is not what it was at the cursor: the
 *   partition is frozen and reported, and the others go on.
 */
import { Cause, Context, Effect, Exit, Option, Random } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type Cursor, type CursorMove, FEED_START } from "./cursor-store.ts"
import { visitRange } from "./event-range.ts"
import { CorruptEntry, EventStore, type LoggedEvent } from "./event-store.ts"
import { Feed, type FeedEntry, HistoryLost } from "./feed.ts"
import { isBefore } from "./feed-position.ts"

/** What one append left in the log. */
export interface ChunkEntry {
  readonly batch: BatchId
  /** The hash that the first event stands on; an earlier release did not tell. */
  readonly base: string | undefined
  readonly events: ReadonlyArray<LoggedEvent>
}

/** Consecutive appends of a partition in commit order: those after feed position `from`, up to and with that of `to`. */
export interface Chunk {
  readonly partition: number
  readonly from: string
  readonly to: Cursor
  readonly entries: ReadonlyArray<ChunkEntry>
}

/** What a handler's failures tell of themselves, for the log. */
export interface FollowerFailure {
  readonly _tag: string
  readonly step?: string
  readonly reason: string
}

export interface Follower {
  readonly name: string
  readonly partition: number
  readonly loadCursor: Effect.Effect<Cursor, FollowerFailure>
  /** Processes a chunk and moves the cursor from `chunk.from` to `chunk.to`. May be given a chunk twice. */
  readonly handle: (chunk: Chunk) => Effect.Effect<CursorMove, FollowerFailure>
}

/** Told of what followers do, for metrics: counts and names only. Silent unless provided. */
export const FollowerObserver = Context.Reference<{
  readonly handled: (follower: string, entries: number) => void
  readonly failed: (follower: string) => void
  readonly frozen: (follower: string, partition: number) => void
}>("atlaspay/streams/FollowerObserver", {
  defaultValue: () => ({ handled: () => {}, failed: () => {}, frozen: () => {} }),
})

/** A chunk ends with the append that reaches so many events; an append is never split. */
const CHUNK_EVENTS = 128
const CHUNK_ENTRIES_MAX = 64
const READS_CONCURRENT = 8

const IDLE_MS_MIN = 2
const IDLE_MS_MAX = 50
/** How long an idle follower believes that the stored cursor is where it left it. */
const REREAD_MS = 5_000
/** How long a follower that was overtaken stays behind: it takes over when the other one is gone. */
const STANDBY_MS = 250
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 10_000

/** Runs until it is interrupted, or ends once the partition is frozen. */
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
        ? Effect.logError("the stored cursor was set back: what followed it is handled again", { position })
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

/** One chunk, from a cursor that is known or loaded. The cursor is unknown again when it is elsewhere. */
const advance = Effect.fnUntraced(function* (
  { store, feed }: { readonly store: EventStore["Service"]; readonly feed: Feed["Service"] },
  { partition, loadCursor, handle }: Follower,
  cursor: Cursor | undefined,
) {
  const from = cursor ?? (yield* loadCursor)
  const elsewhere = { outcome: "elsewhere" as const, cursor: undefined, entries: 0 }
  const told = yield* feed
    .entries(partition, from.position, CHUNK_ENTRIES_MAX, from.head)
    .pipe(Effect.catchTag("HistoryLost", (lost) => unlessMoved(loadCursor, from, lost)))
  if (told === undefined) return elsewhere
  const appends = bounded(told)
  const end = appends.at(-1)
  if (end === undefined) return { outcome: "nothing-new" as const, cursor: from, entries: 0 }
  const entries = yield* Effect.forEach(appends, (append) => readAppend(store, append), {
    concurrency: READS_CONCURRENT,
  })
  const to = { position: end.id, head: entries.at(-1)?.events.at(-1)?.hash }
  const outcome = yield* handle({ partition, from: from.position, to, entries })
  return outcome === "moved" ? { outcome, cursor: to, entries: entries.length } : elsewhere
})

/** Behind the back of a follower that slept, another one moves the cursor, and the feed is trimmed. */
const unlessMoved = Effect.fnUntraced(function* (
  loadCursor: Follower["loadCursor"],
  from: Cursor,
  lost: HistoryLost,
) {
  const { position } = yield* loadCursor
  return position === from.position ? yield* lost : undefined
})

/** The first appends, as many as make a chunk. */
const bounded = (appends: ReadonlyArray<FeedEntry>): ReadonlyArray<FeedEntry> => {
  let events = 0
  const end = appends.findIndex(({ from, to }) => {
    events += to - from + 1
    return events >= CHUNK_EVENTS
  })
  return end === -1 ? appends : appends.slice(0, end + 1)
}

/** Reads what an append left. Feed and log are written in one step, so what the feed says of the log has to be true. */
const readAppend = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  { batch, from, to, base, head }: FeedEntry,
): Effect.fn.Return<ChunkEntry, CorruptEntry | StoreUnavailable> {
  const events: Array<LoggedEvent> = []
  yield* visitRange(store, batch, { version: from - 1, head: base }, to, (recorded) => events.push(recorded))
  if (head !== undefined && events.at(-1)?.hash !== head)
    return yield* new CorruptEntry({ batch, entry: `${to}-0`, reason: "its hash is not what the feed says" })
  return { batch, base, events }
})

/** Fails when an append does not stand on what a reader has folded of its batch before. */
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

/** Twice as long each time, with jitter, so that followers do not all come back in the same moment. */
const waitAfterFailure = Effect.fnUntraced(function* (cause: Cause.Cause<FollowerFailure>, failures: number) {
  const longest = Math.min(RETRY_MS_MIN * 2 ** (failures - 1), RETRY_MS_MAX)
  const retryMs = Math.round(longest * (0.5 + (yield* Random.next) / 2))
  const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
  yield* failure === undefined
    ? Effect.logError("follower failed", { failures, retryMs }, cause)
    : Effect.logWarning("follower stalled", { failures, retryMs, ...detailsOf(failure) })
  yield* Effect.sleep(retryMs)
})

/** What cannot be mended by trying again: an entry that cannot be read, or a feed that is not what it was. */
const lostHistory = (cause: Cause.Cause<unknown>) => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error instanceof CorruptEntry) return { batch: error.batch, entry: error.entry, reason: error.reason }
  return error instanceof HistoryLost ? { reason: error.reason } : undefined
}

const detailsOf = ({ _tag, step, reason }: FollowerFailure) => ({ error: _tag, step, reason })
