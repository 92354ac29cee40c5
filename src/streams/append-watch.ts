/**
 * Wakes those who wait for the next append to a batch's log. All of a process wait on the same reads of the feeds, so a thousand
 * of them cost what one costs. A wake-up says that something may be new; what it is, the log says.
 *
 * Nothing is read while nobody waits. A wake-up can be lost when a store does not answer, so who waits also looks at the log from
 * time to time.
 */
import { Clock, Context, Deferred, Effect, Result, type Scope, Semaphore } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Feed, FeedPart, FeedPosition } from "./feed.ts"

/** Waits until something was appended since the last call, or for so many milliseconds. Gives whether something was. */
export type AwaitAppend = (waitMs: number) => Effect.Effect<boolean>

export class AppendWatch extends Context.Service<
  AppendWatch,
  {
    /** Begins to watch a batch: every append from now on is noticed, until the scope closes. */
    readonly watch: (batch: BatchId) => Effect.Effect<AwaitAppend, StoreUnavailable, Scope.Scope>
  }
>()("atlaspay/streams/AppendWatch") {}

/** For how long one read blocks: a batch of another partition that begins to be watched is read with the next one. */
const BLOCK_MS = 500
/** Between two reads, so that a busy feed is read in larger pages. */
const PACE_MS = 50
const PAUSE_MS = 1_000
const ENTRIES_MAX = 1_024

/** One who waits. */
interface Waiter {
  isNew: boolean
  wake: () => void
}

/** A partition with watched batches, and where its feed is read from. */
interface Watched {
  after: string
  readonly batches: Map<BatchId, Set<Waiter>>
}

interface Source {
  readonly feed: Feed["Service"]
  readonly partitionOf: (batch: BatchId) => number
  /** The id of the last entry of a partition's feed; "0-0" if there is none. */
  readonly tailOf: (partition: number) => Effect.Effect<string, StoreUnavailable>
}

/** Opens the reads with the first one who watches. They end with the scope. */
export const makeAppendWatch = Effect.fnUntraced(function* ({ feed, partitionOf, tailOf }: Source) {
  const scope = yield* Effect.scope
  const watched = new Map<number, Watched>()
  const opening = Semaphore.makeUnsafe(1)
  let isOpen = false
  const begin = opening.withPermit(
    Effect.gen(function* () {
      if (isOpen) return
      for (const part of yield* feed.feedParts)
        yield* Effect.forkIn(follow(feed, part, watched, tailOf), scope)
      isOpen = true
    }),
  )

  const join = (batch: BatchId, waiter: Waiter, tail: string) => {
    const partition = partitionOf(batch)
    const state = watched.get(partition) ?? { after: tail, batches: new Map() }
    watched.set(partition, state)
    const waiters = state.batches.get(batch) ?? new Set()
    state.batches.set(batch, waiters.add(waiter))
  }
  const leave = (batch: BatchId, waiter: Waiter) => {
    const partition = partitionOf(batch)
    const state = watched.get(partition)
    const waiters = state?.batches.get(batch)
    waiters?.delete(waiter)
    if (waiters?.size === 0) state?.batches.delete(batch)
    if (state?.batches.size === 0) watched.delete(partition)
  }

  return AppendWatch.of({
    watch: Effect.fnUntraced(function* (batch) {
      yield* begin
      const waiter: Waiter = { isNew: false, wake: () => {} }
      const tail = yield* tailOf(partitionOf(batch))
      yield* Effect.acquireRelease(
        Effect.sync(() => join(batch, waiter, tail)),
        () => Effect.sync(() => leave(batch, waiter)),
      )
      return awaiting(waiter)
    }),
  })
})

const awaiting = (waiter: Waiter): AwaitAppend =>
  Effect.fnUntraced(function* (waitMs) {
    if (!waiter.isNew) {
      const woken = yield* Deferred.make<void>()
      waiter.wake = () => Deferred.doneUnsafe(woken, Effect.void)
      yield* Deferred.await(woken).pipe(Effect.timeoutOption(waitMs))
    }
    const wasNew = waiter.isNew
    waiter.isNew = false
    return wasNew
  })

/** Reads the feeds of the watched partitions of a part, and wakes who waits for what was appended. */
const follow = Effect.fnUntraced(function* (
  feed: Feed["Service"],
  part: FeedPart,
  watched: ReadonlyMap<number, Watched>,
  tailOf: Source["tailOf"],
) {
  while (true) {
    yield* Effect.sleep(PACE_MS)
    const positions = part.partitions.flatMap((partition): ReadonlyArray<FeedPosition> => {
      const state = watched.get(partition)
      return state === undefined ? [] : [{ partition, after: state.after, head: undefined }]
    })
    if (positions.length === 0) {
      yield* Effect.sleep(PACE_MS)
      continue
    }
    const beganAt = yield* Clock.currentTimeMillis
    const arrived = yield* Effect.result(part.arrivals(positions, BLOCK_MS))
    // A store that refuses at once is not asked all the time.
    if (Result.isFailure(arrived)) yield* Effect.sleep(PAUSE_MS)
    else if (arrived.success.size > 0)
      yield* wakeWhere(
        feed,
        positions.filter(({ partition }) => arrived.success.has(partition)),
        watched,
        tailOf,
      )
    else if ((yield* Clock.currentTimeMillis) - beganAt < PACE_MS) yield* Effect.sleep(PACE_MS)
  }
})

const wakeWhere = Effect.fnUntraced(function* (
  feed: Feed["Service"],
  positions: ReadonlyArray<FeedPosition>,
  watched: ReadonlyMap<number, Watched>,
  tailOf: Source["tailOf"],
) {
  const pages = yield* feed.pages(positions, ENTRIES_MAX)
  for (const [index, { partition }] of positions.entries()) {
    const [state, page] = [watched.get(partition), pages[index]]
    if (state === undefined || page === undefined) continue
    if (Result.isSuccess(page)) {
      for (const { id, batch } of page.success) {
        state.after = id
        wakeAll(state.batches.get(batch))
      }
    } else if (page.failure._tag === "HistoryLost") {
      // Trimmed up to here, or lost: whoever waits looks at its log.
      const tail = yield* Effect.result(tailOf(partition))
      if (Result.isSuccess(tail)) state.after = tail.success
      for (const waiters of state.batches.values()) wakeAll(waiters)
    } else {
      yield* Effect.sleep(PAUSE_MS)
    }
  }
})

const wakeAll = (waiters: ReadonlySet<Waiter> = new Set()): void => {
  for (const waiter of waiters) {
    waiter.isNew = true
    waiter.wake()
  }
}
