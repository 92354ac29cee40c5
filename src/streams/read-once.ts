/**
 * Followers of one process read each event once: what one of them has read, verified and decoded is kept until the other has
 * read it, too. Both are woken by the same append, so that is soon. What is kept is bounded; what is not there is read from the
 * store as ever. Decoded events do not change, so several folds may hold them.
 */
import { Clock, Context, Effect, Layer, Result, Semaphore } from "effect"
import { singleCount } from "../domain/gathered-events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import { type CorruptEntry, type EventRange, EventStore, type LoggedEvent } from "./event-store.ts"

/**
 * While a backlog grows, one follower is up to ten steps ahead of the other: some 35 MB. An event that adds items counts once for each
 * of them.
 */
const WEIGHT_MAX = 32_768
/** Logs of which something is kept, be it only how far they were read. */
const LOGS_MAX = 16_384
/** Longer than this, nothing waits for a follower that stands still, or reads elsewhere. */
const KEPT_MS_MAX = 60_000

/** The follower that reads. What it has read is there for the other one. Whoever else reads has no part in it. */
export const Reader = Context.Reference<string | undefined>("atlaspay/streams/Reader", {
  defaultValue: () => undefined,
})

/** The event store of a process in which two followers read. On a cluster each reads by itself: see follower.ts. */
export const readOnceLayer = Layer.effect(
  EventStore,
  Effect.gen(function* () {
    const store = yield* EventStore
    const { commands } = yield* RedisConnections
    return commands.isCluster ? store : { ...store, readRanges: readingOnce(store.readRanges, WEIGHT_MAX) }
  }),
)

type ReadRanges = EventStore["Service"]["readRanges"]

/** Gives what the same read gives, for two readers that read the same. They take turns. */
export const readingOnce = (read: ReadRanges, weightMax: number): ReadRanges => {
  const unread = new UnreadEvents(weightMax)
  const turn = Semaphore.makeUnsafe(1)
  const readFor = (reader: string, ranges: ReadonlyArray<EventRange>) =>
    turn.withPermits(1)(
      Effect.gen(function* () {
        const begun = ranges.map((range) => unread.take(range, reader))
        const rests = ranges.map((range, index) => restOf(range, begun[index] ?? []))
        const missing = rests.filter(({ after, to }) => after < to)
        const answers = missing.length === 0 ? [] : yield* read(missing)
        const now = yield* Clock.currentTimeMillis
        let next = 0
        const found = rests.map((rest, index) => {
          const events = begun[index] ?? []
          if (rest.after >= rest.to) return Result.succeed(events)
          const answer: Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry> = answers[next++] ??
          Result.succeed([])
          // A log that ended has none, and what weighs nothing would never be removed.
          if (Result.isSuccess(answer) && answer.success.length > 0)
            unread.add(rest, answer.success, reader, now)
          return events.length === 0 ? answer : Result.map(answer, (others) => [...events, ...others])
        })
        const changed = ranges.flatMap((range, index) => {
          const answer = found[index]
          const isKept = (begun[index] ?? []).length > 0
          return isKept && answer !== undefined && !endsAsKnown(range, answer) ? [{ range, index }] : []
        })
        if (changed.length === 0) return found
        // A failover or a restore replaced the events of before, which are kept here.
        const again = yield* read(changed.map(({ range }) => range))
        for (const [place, { index }] of changed.entries()) found[index] = again[place] ?? Result.succeed([])
        return found
      }),
    )
  return (ranges) =>
    Effect.flatMap(Effect.service(Reader), (reader) =>
      reader === undefined ? read(ranges) : readFor(reader, ranges),
    )
}

const restOf = (range: EventRange, begun: ReadonlyArray<LoggedEvent>): EventRange => {
  const last = begun.at(-1)
  return last === undefined ? range : { ...range, after: last.version, head: last.hash }
}

const endsAsKnown = (
  { end }: EventRange,
  answer: Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>,
): boolean => Result.isSuccess(answer) && (end === undefined || answer.success.at(-1)?.hash === end)

/** What a reader has read of a log, and the other has not: events that follow each other, and the hash before them. */
interface Kept {
  readonly reader: string
  /** Epoch milliseconds. */
  readonly since: number
  after: number
  head: string | undefined
  readonly events: Array<LoggedEvent>
  /** The version up to which it was read. There may have been no room for the last events. */
  to: number
}

/**
 * What one of two readers has read. The other one takes it out. What there is no room for is not kept, in place of what was kept
 * before: the reader that is behind takes that next. Of such a log it is known how far it was read, so that nothing is kept which
 * both have read.
 */
class UnreadEvents {
  readonly #weightMax: number
  readonly #logs = new Map<BatchId, Kept>()
  #weight = 0

  constructor(weightMax: number) {
    this.#weightMax = weightMax
  }

  /** Takes out the first events of a range that another reader has read, as many as are there, with all that is before them. */
  take({ batch, after, to, head }: EventRange, reader: string): ReadonlyArray<LoggedEvent> {
    const kept = this.#logs.get(batch)
    if (kept === undefined || kept.reader === reader || !isVerifiedFrom(kept, after, head)) return []
    const taken = kept.events.splice(0, to - kept.after)
    const last = taken.at(-1)
    if (last === undefined) return []
    const events = taken.slice(after - kept.after)
    this.#weight -= weightOf(taken)
    kept.after = last.version
    kept.head = last.hash
    if (kept.after === kept.to) this.#logs.delete(batch)
    return events
  }

  /** Keeps what a reader has read of a range at a time (epoch milliseconds), unless the other has read it before. */
  add(
    { batch, after, head }: EventRange,
    read: ReadonlyArray<LoggedEvent>,
    reader: string,
    now: number,
  ): void {
    this.#removeOld(now)
    const kept = this.#logs.get(batch)
    const to = after + read.length
    if (kept !== undefined && kept.reader !== reader && kept.to >= to) {
      if (kept.to === to) this.#remove(batch, kept)
      return
    }
    const weight = weightOf(read)
    const isRoom = this.#weight + weight <= this.#weightMax
    if (kept?.reader === reader && kept.to === after) {
      kept.to = to
      if (!isRoom || kept.after + kept.events.length < after || hashAt(kept, after) !== head) return
      kept.events.push(...read)
    } else {
      if (kept !== undefined) this.#remove(batch, kept)
      this.#logs.set(batch, { reader, since: now, after, head, events: isRoom ? [...read] : [], to })
    }
    if (isRoom) this.#weight += weight
  }

  #removeOld(now: number): void {
    for (const [oldest, old] of this.#logs) {
      if (old.since >= now - KEPT_MS_MAX && this.#logs.size < LOGS_MAX) return
      this.#remove(oldest, old)
    }
  }

  #remove(batch: BatchId, kept: Kept): void {
    if (this.#logs.delete(batch)) this.#weight -= weightOf(kept.events)
  }
}

/** Whether events are kept that follow a version with this hash, so that a read from there would have verified them, too. */
const isVerifiedFrom = (kept: Kept, after: number, head: string | undefined): boolean => {
  const last = kept.events.at(-1)?.version ?? kept.after
  if (after < kept.after || after >= last) return false
  return head === undefined ? true : hashAt(kept, after) === head
}

const hashAt = ({ after, head, events }: Kept, version: number): string | undefined =>
  version === after ? head : events[version - after - 1]?.hash

const weightOf = (events: ReadonlyArray<LoggedEvent>): number => {
  let weight = 0
  for (const { event } of events)
    weight += event._tag === "ItemsReceived" ? event.items.length : singleCount(event)
  return weight
}
