/** Reads chunks of the log: consecutive appends of partitions, as the feed lists them. */
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Cursor } from "./cursor-store.ts"
import { visitRange } from "./event-range.ts"
import { CorruptEntry, type EventRange, type EventStore, type LoggedEvent } from "./event-store.ts"
import type { FeedEntry } from "./feed.ts"

/** The events of one append, or of several appends that follow each other in the log of a batch. */
export interface ChunkEntry {
  readonly batch: BatchId
  /** The hash before the first event. Absent in entries of earlier releases. */
  readonly base: string | undefined
  readonly events: ReadonlyArray<LoggedEvent>
}

/**
 * Consecutive appends of a partition: after feed position `from`, up to and including that of `to`. Each batch has its events
 * in order; batches are in the order of their first append.
 */
export interface Chunk {
  readonly partition: number
  readonly from: string
  readonly to: Cursor
  /** How many appends the chunk has. */
  readonly appends: number
  readonly entries: ReadonlyArray<ChunkEntry>
}

/** What of a feed is read as a chunk. */
export interface ChunkPlan {
  readonly partition: number
  readonly from: string
  readonly appends: ReadonlyArray<FeedEntry>
}

export type ReadChunk = Result.Result<Chunk, CorruptEntry | StoreUnavailable>

/**
 * The first appends, up to the one that reaches a weight: about that many events. An append is never split. An event at the beginning
 * of a log, which may have up to 500 items, weighs more: others stand for some dozens of events at most.
 */
export const firstAppends = (
  appends: ReadonlyArray<FeedEntry>,
  weightMax: number,
  openingWeight: number,
): ReadonlyArray<FeedEntry> => {
  let weight = 0
  const end = appends.findIndex(({ from, to }) => {
    weight += (to - from + 1) * (from === 1 ? openingWeight : 1)
    return weight >= weightMax
  })
  return end === -1 ? appends : appends.slice(0, end + 1)
}

/** Longer ranges are read page by page. */
const EVENTS_AT_ONCE_MAX = 64
/** A log begins with its largest events. */
const OPENING_EVENTS_AT_ONCE_MAX = 8

/** Reads chunks together. What is wrong with one of them does not concern the others. */
export const readChunks = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  plans: ReadonlyArray<ChunkPlan>,
): Effect.fn.Return<ReadonlyArray<ReadChunk>> {
  const runsOf = plans.map(({ appends }) => runs(appends))
  const read = yield* readRuns(store, runsOf.flat())
  return plans.map(({ partition, from, appends }, index): ReadChunk => {
    const entries: Array<ChunkEntry> = []
    for (const run of runsOf[index] ?? []) {
      const events = read.get(run)
      if (events === undefined) throw new Error("a run was not read")
      const entry = Result.flatMap(events, (events) => entryOf(run, events))
      if (Result.isFailure(entry)) return Result.fail(entry.failure)
      entries.push(entry.success)
    }
    const last = appends.at(-1)
    if (last === undefined) throw new Error("a chunk has at least one append")
    const end = entries.findLast(({ batch }) => batch === last.batch)?.events.at(-1)?.hash
    return Result.succeed({
      partition,
      from,
      to: { position: last.id, head: end },
      appends: appends.length,
      entries,
    })
  })
})

/** Appends of a batch that follow each other, without gaps. */
type Run = [first: FeedEntry, ...others: Array<FeedEntry>]

const runs = (appends: ReadonlyArray<FeedEntry>): ReadonlyArray<Run> => {
  const found: Array<Run> = []
  const latest = new Map<BatchId, Run>()
  for (const append of appends) {
    const run = latest.get(append.batch)
    const before = run?.at(-1)
    if (run !== undefined && before?.to === append.from - 1 && before.head === append.base) run.push(append)
    else {
      const begun: Run = [append]
      latest.set(append.batch, begun)
      found.push(begun)
    }
  }
  return found
}

const rangeOf = (run: Run): EventRange => {
  const [first] = run
  const last = run.at(-1) ?? first
  return { batch: first.batch, after: first.from - 1, to: last.to, head: first.base, end: last.head }
}

const isShort = ({ after, to }: EventRange): boolean =>
  to - after <= (after === 0 ? OPENING_EVENTS_AT_ONCE_MAX : EVENTS_AT_ONCE_MAX)

type ReadEvents = Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry | StoreUnavailable>

const readRuns = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  all: ReadonlyArray<Run>,
): Effect.fn.Return<ReadonlyMap<Run, ReadEvents>> {
  const read = new Map<Run, ReadEvents>()
  const ranges = all.map((run) => ({ run, range: rangeOf(run) }))
  const short = ranges.filter(({ range }) => isShort(range))
  if (short.length > 0) {
    const answers = yield* Effect.result(store.readRanges(short.map(({ range }) => range)))
    for (const [index, { run }] of short.entries())
      read.set(
        run,
        Result.flatMap(answers, (events): ReadEvents => events[index] ?? Result.succeed([])),
      )
  }
  for (const { run, range } of ranges)
    if (!isShort(range)) read.set(run, yield* Effect.result(readLong(store, range)))
  return read
})

const readLong = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  { batch, after, to, head }: EventRange,
) {
  const events: Array<LoggedEvent> = []
  yield* visitRange(store, batch, { version: after, head }, to, (recorded) => events.push(recorded))
  return events
})

/** Feed and log are written in one step, so they have to agree: on the end of each append, and on its hash. */
const entryOf = (run: Run, events: ReadonlyArray<LoggedEvent>): Result.Result<ChunkEntry, CorruptEntry> => {
  const [{ batch, from, base }] = run
  for (const { to, head } of run) {
    const corrupt = (entry: number, reason: string) =>
      Result.fail(new CorruptEntry({ batch, entry: `${entry}-0`, reason }))
    const end = events[to - from]
    if (end === undefined) return corrupt(from + events.length, "the log ends before it")
    if (head !== undefined && end.hash !== head)
      return corrupt(to, "its hash differs from the one in the feed")
  }
  return Result.succeed({ batch, base, events })
}

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
