/**
 * Followers of one process read each event once: what one of them has read, verified and decoded is kept until the other has
 * read it, too. Both are woken by the same append, so that is soon. What is kept is bounded; what is not there is read from the
 * store as ever. Decoded events do not change, so several folds may hold them.
 */
import { Effect, Layer, Result, Semaphore } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { RedisConnections } from "../platform/redis.ts"
import { type CorruptEntry, type EventRange, EventStore, type LoggedEvent } from "./event-store.ts"

/** About as many events as two steps of the projector have, or eight of the publisher. An event that adds items counts once for each of them. */
const WEIGHT_MAX = 8_192

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
  return (ranges) =>
    turn.withPermits(1)(
      Effect.gen(function* () {
        const begun = ranges.map((range) => unread.take(range))
        const rests = ranges.map((range, index) => restOf(range, begun[index] ?? []))
        const missing = rests.filter(({ after, to }) => after < to)
        const answers = missing.length === 0 ? [] : yield* read(missing)
        let next = 0
        return rests.map((rest, index) => {
          const events = begun[index] ?? []
          if (rest.after >= rest.to) return Result.succeed(events)
          const answer: Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry> = answers[next++] ??
          Result.succeed([])
          // A log that ended has none, and what weighs nothing would never be removed.
          if (Result.isSuccess(answer) && answer.success.length > 0) unread.add(rest, answer.success)
          return events.length === 0 ? answer : Result.map(answer, (others) => [...events, ...others])
        })
      }),
    )
}

const restOf = (range: EventRange, begun: ReadonlyArray<LoggedEvent>): EventRange => {
  const last = begun.at(-1)
  return last === undefined ? range : { ...range, after: last.version, head: last.hash }
}

/** Events of a log that follow each other, and the hash before the first. */
interface Kept {
  after: number
  head: string | undefined
  events: Array<LoggedEvent>
}

/** What one of two readers has read. The other one takes it out. */
class UnreadEvents {
  readonly #weightMax: number
  readonly #logs = new Map<BatchId, Kept>()
  #weight = 0

  constructor(weightMax: number) {
    this.#weightMax = weightMax
  }

  /** Takes out the first events of a range, as many as are there, with all that is before them. */
  take({ batch, after, to, head }: EventRange): ReadonlyArray<LoggedEvent> {
    const kept = this.#logs.get(batch)
    if (kept === undefined || !isVerifiedFrom(kept, after, head)) return []
    const taken = kept.events.splice(0, to - kept.after)
    const last = taken.at(-1)
    if (last === undefined) return []
    const events = taken.slice(after - kept.after)
    this.#weight -= weightOf(taken)
    kept.after = last.version
    kept.head = last.hash
    if (kept.events.length === 0) this.#logs.delete(batch)
    return events
  }

  /** Keeps what was read of a range, behind what is kept of its log. */
  add({ batch, after, head }: EventRange, events: ReadonlyArray<LoggedEvent>): void {
    const kept = this.#logs.get(batch)
    const continues =
      kept !== undefined && kept.events.at(-1)?.version === after && hashAt(kept, after) === head
    if (kept !== undefined) this.#remove(batch, kept)
    this.#logs.set(
      batch,
      continues ? { ...kept, events: [...kept.events, ...events] } : { after, head, events: [...events] },
    )
    this.#weight += weightOf(continues ? kept.events : []) + weightOf(events)
    for (const [oldest, old] of this.#logs) {
      if (this.#weight <= this.#weightMax) break
      this.#remove(oldest, old)
    }
  }

  #remove(batch: BatchId, kept: Kept): void {
    this.#logs.delete(batch)
    this.#weight -= weightOf(kept.events)
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
  for (const { event } of events) weight += event._tag === "ItemsReceived" ? event.items.length : 1
  return weight
}
