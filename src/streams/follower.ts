/**
 * Follows the feed of one partition: what every reader of the log shares, whatever it makes of the events.
 *
 * A follower reads a chunk after its cursor, hands it over, and goes on from where the chunk ended. The handler stores
 * the cursor itself, together with its work or after it, so nothing is lost and at most one chunk is seen again.
 *
 * - nothing new: it waits, longer each time up to a limit;
 * - a store or the handler failed: it waits longer each time, for ever, then loads the cursor anew, because nobody
 *   knows whether it moved;
 * - the cursor is elsewhere: another process follows the partition too and was faster. It loads the cursor and stays
 *   behind as a standby;
 * - an entry is corrupt, or the cursor is beyond the end of the feed: the partition is frozen and reported, and the
 *   others go on.
 */
import { Cause, Context, Effect, Exit, Option, Random } from "effect"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { CursorMove } from "./cursor-store.ts"
import {
  CorruptEntry,
  EventLog,
  type FeedEntry,
  FeedShortened,
  type StreamsUnavailable,
} from "./event-log.ts"
import { visitRange } from "./event-range.ts"
import { isBefore } from "./feed-position.ts"

/** What one append left in the log. */
export interface ChunkEntry {
  readonly batch: BatchId
  readonly events: ReadonlyArray<RecordedEvent>
}

/** Consecutive appends of a partition in commit order: those after feed position `from`, up to and with `to`. */
export interface Chunk {
  readonly partition: number
  readonly from: string
  readonly to: string
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
  readonly loadCursor: Effect.Effect<string, FollowerFailure>
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
/** How long a follower that was overtaken stays behind: it takes over when the other one is gone. */
const STANDBY_MS = 250
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 10_000

/** Runs until it is interrupted, or ends once the partition is frozen. */
export const followPartition = Effect.fnUntraced(
  function* (follower: Follower) {
    const log = yield* EventLog
    const observer = yield* FollowerObserver
    let position: string | undefined
    let idleMs = IDLE_MS_MIN
    let failures = 0
    while (true) {
      const exit = yield* Effect.exit(advance(log, follower, position))
      if (Exit.isFailure(exit)) {
        const lost = lostHistory(exit.cause)
        if (lost !== undefined) {
          observer.frozen(follower.name, follower.partition)
          return yield* Effect.logError("follower frozen: the log cannot be followed", lost)
        }
        position = undefined
        failures += 1
        observer.failed(follower.name)
        yield* waitAfterFailure(exit.cause, failures)
        continue
      }
      failures = 0
      const { outcome, entries } = exit.value
      position = exit.value.position
      idleMs = outcome === "nothing-new" ? Math.min(idleMs * 2, IDLE_MS_MAX) : IDLE_MS_MIN
      if (outcome === "moved") observer.handled(follower.name, entries)
      if (outcome === "nothing-new") yield* Effect.sleep(idleMs)
      if (outcome === "elsewhere") yield* Effect.sleep(STANDBY_MS)
    }
  },
  (effect, { name, partition }) => Effect.annotateLogs(effect, { follower: name, partition }),
)

/** One chunk, from a position that is known or loaded. The position is unknown again when the cursor is elsewhere. */
const advance = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  { partition, loadCursor, handle }: Follower,
  position: string | undefined,
) {
  const from = position ?? (yield* loadSoundCursor(log, partition, loadCursor))
  const appends = bounded(yield* log.feed(partition, from, CHUNK_ENTRIES_MAX))
  const to = appends.at(-1)?.id
  if (to === undefined) return { outcome: "nothing-new" as const, position: from, entries: 0 }
  const entries = yield* Effect.forEach(appends, (append) => readAppend(log, append), {
    concurrency: READS_CONCURRENT,
  })
  const outcome = yield* handle({ partition, from, to, entries })
  return { outcome, position: outcome === "moved" ? to : undefined, entries: entries.length }
})

const loadSoundCursor = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  partition: number,
  loadCursor: Follower["loadCursor"],
) {
  const cursor = yield* loadCursor
  const end = yield* log.feedEnd(partition)
  return isBefore(end, cursor) ? yield* new FeedShortened({ cursor, end }) : cursor
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

const readAppend = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  { batch, from, to }: FeedEntry,
): Effect.fn.Return<ChunkEntry, CorruptEntry | StreamsUnavailable> {
  const events: Array<RecordedEvent> = []
  yield* visitRange(log, batch, from - 1, to, (recorded) => events.push(recorded))
  return { batch, events }
})

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
  return error instanceof FeedShortened ? { reason: error.reason } : undefined
}

const detailsOf = ({ _tag, step, reason }: FollowerFailure) => ({ error: _tag, step, reason })
