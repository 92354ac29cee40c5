/**
 * Follows the feeds of partitions, for all readers of the log: the projector and the publisher.
 *
 * A follower reads a chunk of each partition after its cursor, prepares each chunk by itself, and commits all of them
 * together. The commit stores the cursors together with the work or after it, also while the next step is under way. So
 * nothing is lost, and at most two chunks of a partition are handled twice.
 *
 * - Nothing is new: the follower waits until something arrives. Every two seconds it reads all the same, and every few seconds it
 *   reloads the cursor, because a store that was restored from a backup has an older cursor and lacks the work after it. The
 *   feed still has that work.
 * - Much is new: the follower lets a little more arrive before its next step (see pace.ts).
 * - Accepting comes first: the follower rests after each step, unless it is far behind.
 * - A store or the handler fails: it waits, longer each time up to a limit, and retries without end. It reloads the cursor,
 *   because the cursor may have moved. Partitions that failed in a common commit are then tried one by one.
 * - The cursor is elsewhere: another process follows the same partition and was faster. The follower reloads the cursor and
 *   remains as a standby.
 * - An entry is corrupt, does not follow from the one before it, or the feed has changed at the cursor: the partition is
 *   frozen and reported. The other partitions continue.
 *
 * Feeds on one server are followed by one fiber. On a cluster each partition has its own, so a server that does not answer
 * delays no other.
 */
import { Cause, Clock, Context, Effect, Exit, Fiber, Option, Random, Result } from "effect"
import { singleCount } from "../domain/gathered-events.ts"
import { restAfter } from "../platform/intake-rest.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type Chunk, firstAppends, readChunks } from "./chunk.ts"
import type { Cursor, CursorMove } from "./cursor-store.ts"
import { CorruptEntry, EventStore } from "./event-store.ts"
import { Feed, type FeedPart, HistoryLost } from "./feed.ts"
import { appendedAt } from "./feed-position.ts"
import { FollowedPartition, WAIT_MS_MAX } from "./followed-partition.ts"
import { Pace, type Step } from "./pace.ts"
import { Reader } from "./read-once.ts"

/** The fields of a handler's failure that are logged. */
export interface FollowerFailure {
  readonly _tag: string
  readonly step?: string
  readonly reason: string
}

/** A chunk, and what was prepared from it. */
export interface Prepared<Work> {
  readonly chunk: Chunk
  readonly work: Work
}

/** What became of the cursors of a commit, in the order of its chunks. */
type CursorMoves = ReadonlyArray<CursorMove>

export interface Follower<Work> {
  readonly name: string
  /** The entries of a step are at most about as many, over all partitions; {@link STEP_EVENTS_MAX} by default. */
  readonly stepEventsMax?: number
  /** While very much comes, a step begins so long after the one before (see pace.ts). */
  readonly stepEveryMsMax?: number
  readonly loadCursors: (
    partitions: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyMap<number, Cursor>, FollowerFailure>
  /** Prepares the work of a chunk. It may get the same chunk twice. */
  readonly prepare: (chunk: Chunk) => Effect.Effect<Work, FollowerFailure>
  /**
   * Does the work of chunks of different partitions, and moves the cursor of each from `chunk.from` to `chunk.to`. Answers
   * in their order. Where a cursor is elsewhere, that chunk alone changes nothing that a reader sees.
   *
   * Work that may be done again need not wait for its cursors: then the answer is the move itself, still to be made.
   */
  readonly commit: (
    prepared: ReadonlyArray<Prepared<Work>>,
  ) => Effect.Effect<CursorMoves | Effect.Effect<CursorMoves, FollowerFailure>, FollowerFailure>
}

/** Counts what followers do, for metrics. Does nothing unless provided. */
export const FollowerObserver = Context.Reference<{
  readonly handled: (follower: string, entries: number) => void
  readonly failed: (follower: string) => void
  readonly frozen: (follower: string, partition: number) => void
}>("atlaspay/streams/FollowerObserver", {
  defaultValue: () => ({ handled: () => {}, failed: () => {}, frozen: () => {} }),
})

/**
 * The entries of a step are at most about as many, over all partitions, unless a follower takes more. On a busy worker's log, a quarter
 * of them stand for dozens of events each.
 */
const STEP_EVENTS_MAX = 256
/** So many of them at most open a log: such an event may have 500 items. */
const OPENINGS_MAX = 128
/** The longest rest after a step while accepting comes first. */
const REST_MS_MAX = 5_000
/** A follower that is further behind than this does not rest, however pressed intake is. The alarm is at a minute. */
const BEHIND_MS_MAX = 30_000
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = WAIT_MS_MAX

/** Follows all partitions in the background, for as long as the scope is open. */
export const follow = Effect.fnUntraced(function* <Work>(follower: Follower<Work>) {
  for (const part of yield* (yield* Feed).feedParts) yield* Effect.forkScoped(followPart(follower, part))
})

/** Follows the partitions of a part until it is interrupted, or all of them are frozen. */
export const followPart = Effect.fnUntraced(
  function* <Work>(follower: Follower<Work>, part: FeedPart) {
    const following: Following<Work> = {
      ...follower,
      pages: (yield* Feed).pages,
      store: yield* EventStore,
      observer: yield* FollowerObserver,
      moving: undefined,
    }
    const partitions = part.partitions.map((partition) => new FollowedPartition(partition))
    const pace = new Pace(follower.stepEveryMsMax)
    while (true) {
      yield* Effect.sleep(pace.waitMs(yield* Clock.currentTimeMillis))
      const beganAt = yield* Clock.currentTimeMillis
      const going = partitions.filter(({ isFrozen }) => !isFrozen)
      if (going.length === 0) return
      for (const partition of going) partition.keepsTime(beganAt)
      const due = dueTogether(going, beganAt)
      const taken = due.length === 0 ? NOTHING : yield* step(following, due)
      pace.count(taken, beganAt)
      yield* taken.events === 0 ? untilDue(part, going) : restFrom(taken, beganAt)
    }
  },
  (effect, { name }) =>
    effect.pipe(Effect.provideService(Reader, name), Effect.annotateLogs({ follower: name })),
)

interface Following<Work> extends Follower<Work> {
  readonly pages: Feed["Service"]["pages"]
  readonly store: EventStore["Service"]
  readonly observer: (typeof FollowerObserver)["Service"]
  /** The move of cursors that is under way, or the last one. */
  moving: Fiber.Fiber<void> | undefined
}

/**
 * The partitions to handle in the next step: one that has to be handled by itself, or all that are due, and with them those
 * where something may have arrived since, because reading one more feed costs next to nothing.
 */
const dueTogether = (
  going: ReadonlyArray<FollowedPartition>,
  now: number,
): ReadonlyArray<FollowedPartition> => {
  const due = going.filter(({ dueAt }) => dueAt <= now)
  const longest = due.toSorted((one, other) => one.dueAt - other.dueAt)[0]
  if (longest === undefined) return []
  if (longest.isAlone) return [longest]
  return going.filter(({ isAlone, dueAt, canBeWoken }) => !isAlone && (dueAt <= now || canBeWoken))
}

/** Waits until something arrives, or the first partition is due. */
const untilDue = Effect.fnUntraced(function* (part: FeedPart, going: ReadonlyArray<FollowedPartition>) {
  const now = yield* Clock.currentTimeMillis
  const waitMs = Math.min(...going.map(({ dueAt }) => dueAt - now), WAIT_MS_MAX)
  if (waitMs <= 0) return
  const positions = going.flatMap(({ partition, canBeWoken, cursor }) =>
    canBeWoken && cursor !== undefined ? [{ partition, after: cursor.position, head: cursor.head }] : [],
  )
  if (positions.length === 0) return yield* Effect.sleep(waitMs)
  // Without an answer here the feeds are still read at intervals, and that reports the failure.
  const arrived = yield* part
    .arrivals(positions, waitMs)
    .pipe(Effect.catchTag("StoreUnavailable", () => Effect.as(Effect.sleep(waitMs), new Set<number>())))
  // A move that failed meanwhile is waited out.
  for (const state of going) if (state.canBeWoken && arrived.has(state.partition)) state.dueAt = now
})

/** Lets intake go first after a step that began at `beganAt`, as long as it is not far behind by the clocks of its store and its own. */
const restFrom = Effect.fnUntraced(function* ({ upTo }: Taken, beganAt: number) {
  const now = yield* Clock.currentTimeMillis
  yield* restAfter(now - beganAt, Math.min(REST_MS_MAX, upTo + BEHIND_MS_MAX - now))
})

/** A step, and up to when it handled what was appended, in epoch milliseconds: in the partition where it is furthest behind. */
interface Taken extends Step {
  readonly upTo: number
}

const NOTHING: Taken = { events: 0, isFull: false, upTo: Number.POSITIVE_INFINITY }

/** Reads and handles a chunk of each partition. */
const step = Effect.fnUntraced(function* <Work>(
  following: Following<Work>,
  due: ReadonlyArray<FollowedPartition>,
): Effect.fn.Return<Taken> {
  const exit = yield* Effect.exit(
    Effect.gen(function* () {
      const { found, isFull } = yield* read(following, due)
      const upTo = Math.min(...found.map(({ chunk }) => appendedAt(chunk.to.position)))
      return { events: yield* handle(following, found), isFull, upTo }
    }),
  )
  if (Exit.isSuccess(exit)) return exit.value
  yield* failed(following, due, exit.cause)
  return NOTHING
})

interface Found {
  readonly state: FollowedPartition
  readonly chunk: Chunk
}

/** Reads a chunk of each partition that has something new. `isFull`: one of them has more. */
const read = Effect.fnUntraced(function* <Work>(
  following: Following<Work>,
  due: ReadonlyArray<FollowedPartition>,
) {
  const { pages: read, store, stepEventsMax = STEP_EVENTS_MAX } = following
  yield* loadMissing(following, due)
  const positions = due.map(({ partition, cursor }) => ({
    partition,
    after: cursor?.position ?? "",
    head: cursor?.head,
  }))
  const limit = Math.ceil(stepEventsMax / due.length)
  const pages = yield* read(positions, limit)
  const now = yield* Clock.currentTimeMillis
  const idle: Array<FollowedPartition> = []
  const news: Array<{
    readonly state: FollowedPartition
    readonly from: string
    readonly appends: Parameters<typeof firstAppends>[0]
  }> = []
  for (const [index, state] of due.entries()) {
    const page = pages[index]
    // A move of cursors that ended meanwhile may have taken its cursor away.
    if (page === undefined || state.cursor === undefined) continue
    if (Result.isFailure(page)) yield* unread(following, state, page.failure)
    else if (page.success.length === 0) idle.push(state)
    else news.push({ state, from: state.cursor.position, appends: page.success })
  }
  // All together, because each reload is a statement and a step.
  const reloads = idle.some((state) => state.isToReload(now))
  // A move of cursors that failed meanwhile is to be waited out.
  for (const state of idle) if (state.cursor !== undefined) state.foundNothing(now, reloads)
  const weightMax = Math.ceil(stepEventsMax / Math.max(1, news.length))
  const plans = news.map(({ state, from, appends }) => ({
    partition: state.partition,
    from,
    appends: firstAppends(appends, weightMax, stepEventsMax / OPENINGS_MAX),
  }))
  const isFull = news.some(
    ({ appends }, index) => appends.length >= limit || appends.length > (plans[index]?.appends.length ?? 0),
  )
  const chunks = yield* readChunks(store, plans)
  const found: Array<Found> = []
  for (const [index, { state }] of news.entries()) {
    const chunk = chunks[index]
    if (chunk === undefined) continue
    if (Result.isFailure(chunk)) yield* failed(following, [state], Cause.fail(chunk.failure))
    else found.push({ state, chunk: chunk.success })
  }
  return { found, isFull }
})

const loadMissing = Effect.fnUntraced(function* <Work>(
  { loadCursors, moving }: Following<Work>,
  due: ReadonlyArray<FollowedPartition>,
) {
  if (due.every(({ cursor }) => cursor !== undefined)) return
  yield* ended(moving)
  const missing = due.filter(({ cursor }) => cursor === undefined)
  const cursors = yield* loadCursors(missing.map(({ partition }) => partition))
  const now = yield* Clock.currentTimeMillis
  for (const state of missing) {
    const cursor = cursors.get(state.partition)
    if (cursor !== undefined && state.loaded(cursor, now))
      yield* Effect.logError("the stored cursor was set back: later entries are handled again", {
        position: cursor.position,
      }).pipe(Effect.annotateLogs({ partition: state.partition }))
  }
})

/** Lost history, unless another follower moved the cursor while this one was suspended: then the feed was only trimmed. */
const unread = Effect.fnUntraced(function* <Work>(
  following: Following<Work>,
  state: FollowedPartition,
  failure: HistoryLost | StoreUnavailable,
) {
  yield* ended(following.moving)
  const { partition, cursor } = state
  if (cursor === undefined) return
  if (failure instanceof HistoryLost) {
    const stored = yield* Effect.exit(following.loadCursors([partition]))
    if (Exit.isFailure(stored)) return yield* failed(following, [state], stored.cause)
    if (stored.value.get(partition)?.position !== cursor.position)
      return state.isElsewhere(yield* Clock.currentTimeMillis)
  }
  yield* failed(following, [state], Cause.fail(failure))
})

/** Prepares each chunk by itself, and commits all together. */
const handle = Effect.fnUntraced(function* <Work>(following: Following<Work>, found: ReadonlyArray<Found>) {
  const { prepare, commit } = following
  const ready: Array<Found & Prepared<Work>> = []
  for (const one of found) {
    const exit = yield* Effect.exit(prepare(one.chunk))
    if (Exit.isFailure(exit)) yield* failed(following, [one.state], exit.cause)
    else ready.push({ ...one, work: exit.value })
  }
  if (ready.length === 0) return 0
  const exit = yield* Effect.exit(commit(ready))
  if (Exit.isFailure(exit)) {
    yield* failed(
      following,
      ready.map(({ state }) => state),
      exit.cause,
    )
    return 0
  }
  const answer = exit.value
  if (Effect.isEffect(answer)) return yield* moveBehind(following, ready, answer)
  return takeMoves(following, ready, answer, yield* Clock.currentTimeMillis)
})

/** Goes on after the chunks whose cursors moved. Gives how many events they had; a gathered one counts as those that it stands for. */
const takeMoves = <Work>(
  following: Following<Work>,
  found: ReadonlyArray<Found>,
  moves: CursorMoves,
  now: number,
): number => {
  let events = 0
  for (const [index, one] of found.entries()) {
    if (moves[index] === "moved") {
      events += goOn(following, one, now)
      one.state.moved(one.chunk.to)
    } else one.state.isElsewhere(now)
  }
  return events
}

const goOn = <Work>({ name, observer }: Following<Work>, { state, chunk }: Found, now: number): number => {
  state.handledTo(chunk.to, now)
  observer.handled(name, chunk.appends)
  let events = 0
  for (const entry of chunk.entries) for (const { event } of entry.events) events += singleCount(event)
  return events
}

/**
 * Goes on after the chunks at once, and moves their cursors meanwhile. One move is under way at a time: the one before has to
 * have ended. It may have taken the cursor of a partition away; then this chunk is handled again.
 */
const moveBehind = Effect.fnUntraced(function* <Work>(
  following: Following<Work>,
  found: ReadonlyArray<Found>,
  move: Effect.Effect<CursorMoves, FollowerFailure>,
) {
  yield* ended(following.moving)
  const now = yield* Clock.currentTimeMillis
  const standing = found.filter(({ state, chunk }) => state.cursor?.position === chunk.from)
  const events = standing.reduce((sum, one) => sum + goOn(following, one, now), 0)
  const finish = Effect.fnUntraced(function* (exit: Exit.Exit<CursorMoves, FollowerFailure>) {
    const states = standing.map(({ state }) => state)
    if (Exit.isFailure(exit)) return yield* failed(following, states, exit.cause)
    const now = yield* Clock.currentTimeMillis
    for (const [index, { state, chunk }] of found.entries()) {
      if (!states.includes(state)) continue
      if (exit.value[index] === "moved") state.moved(chunk.to)
      else state.isElsewhere(now)
    }
  })
  following.moving = yield* Effect.forkChild(Effect.flatMap(Effect.exit(move), finish))
  return events
})

/** Waits until a move of cursors has ended. Before, a stored cursor may be older than the one that is known here. */
const ended = (moving: Fiber.Fiber<void> | undefined): Effect.Effect<unknown> =>
  moving === undefined ? Effect.void : Fiber.await(moving)

/** Freezes partitions whose log cannot be followed; others are tried again later. An interruption is none of their failures. */
const failed = Effect.fnUntraced(function* <Work>(
  { name, observer }: Following<Work>,
  states: ReadonlyArray<FollowedPartition>,
  cause: Cause.Cause<FollowerFailure | HistoryLost | CorruptEntry>,
) {
  const lost = states.length === 1 ? lostHistory(cause) : undefined
  if (lost !== undefined) {
    for (const state of states) {
      state.isFrozen = true
      observer.frozen(name, state.partition)
      yield* Effect.logError("follower frozen: the log cannot be followed", lost).pipe(
        Effect.annotateLogs({ partition: state.partition }),
      )
    }
    return
  }
  observer.failed(name)
  const failures = Math.max(...states.map((state) => ++state.failures))
  const retryMs = yield* waitAfter(failures)
  const now = yield* Clock.currentTimeMillis
  for (const state of states) state.failed(now + retryMs, states.length > 1 || state.isAlone)
  yield* report(
    cause,
    states.map(({ partition }) => partition),
    { failures, retryMs },
  )
})

/** Doubles the wait each time, with jitter, so that followers do not all retry at the same moment. Milliseconds. */
const waitAfter = (failures: number) => {
  const longest = Math.min(RETRY_MS_MIN * 2 ** (failures - 1), RETRY_MS_MAX)
  return Effect.map(Random.next, (random) => Math.round(longest * (0.5 + random / 2)))
}

const report = (
  cause: Cause.Cause<FollowerFailure>,
  partitions: ReadonlyArray<number>,
  about: Readonly<Record<"failures" | "retryMs", number>>,
) => {
  const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
  const line =
    failure === undefined
      ? Effect.logError("follower failed", about, cause)
      : Effect.logWarning("follower stalled", { ...about, ...detailsOf(failure) })
  const [partition] = partitions
  return Effect.annotateLogs(line, partitions.length === 1 ? { partition } : { partitions })
}

/** The failures that a retry cannot repair: an entry that cannot be read, and a feed that lost history. */
const lostHistory = (cause: Cause.Cause<unknown>) => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error instanceof CorruptEntry) return { batch: error.batch, entry: error.entry, reason: error.reason }
  return error instanceof HistoryLost ? { reason: error.reason } : undefined
}

const detailsOf = ({ _tag, step, reason }: FollowerFailure) => ({ error: _tag, step, reason })
