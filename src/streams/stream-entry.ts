/** Decodes entries of Redis Streams. */
import { Effect, Result } from "effect"
import { decodeEvent, decodeMail } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { inSlices } from "../parsing/turns.ts"
import { FEED_START } from "./cursor-store.ts"
import { CorruptEntry, type EventRange, type LoggedEvent } from "./event-store.ts"
import { type FeedEntry, HistoryLost } from "./feed.ts"
import { linkOf } from "./hash-chain.ts"
import type { Mail } from "./mailbox.ts"
import type { Ownership } from "./run-queue.ts"

/** An entry of a stream as Redis gives it: its id, and alternating fields and values. */
export type StreamEntry = readonly [id: string, fields: ReadonlyArray<string>]

/**
 * Decodes entries of a log as the events after a version, and checks that they have no gap. With the hash of that version as
 * `head`, also verifies their hash chain.
 */
export const readEvents = Effect.fnUntraced(function* (
  batch: BatchId,
  after: number,
  entries: ReadonlyArray<StreamEntry>,
  head: string | undefined,
): Effect.fn.Return<ReadonlyArray<LoggedEvent>, CorruptEntry> {
  return yield* Effect.flatMap(inSlices(eventsOf(batch, after, entries, head)), Effect.fromResult)
})

/** Like {@link readEvents}, for several ranges with their entries. */
export const readEventRanges = (
  ranges: ReadonlyArray<EventRange>,
  entriesOf: ReadonlyArray<ReadonlyArray<StreamEntry>>,
): Effect.Effect<ReadonlyArray<Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>>> =>
  inSlices(
    (function* () {
      const read: Array<Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>> = []
      let readSinceYield = 0
      for (const [index, { batch, after, head }] of ranges.entries()) {
        const entries = entriesOf[index] ?? []
        read.push(yield* eventsOf(batch, after, entries, head))
        for (const [, [, text = ""]] of entries) readSinceYield += text.length
        if (readSinceYield > READ_AT_ONCE) {
          yield
          readSinceYield = 0
        }
      }
      return read
    })(),
  )

function* eventsOf(
  batch: BatchId,
  after: number,
  entries: ReadonlyArray<StreamEntry>,
  head: string | undefined,
): Generator<void, Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>> {
  const events: Array<LoggedEvent> = []
  let previous = head
  let readSinceYield = 0
  for (const [entry, [, text = "", , hash = ""]] of entries) {
    if (readSinceYield > READ_AT_ONCE) {
      yield
      readSinceYield = 0
    }
    readSinceYield += text.length
    const corrupt = (reason: string) => Result.fail(new CorruptEntry({ batch, entry, reason }))
    const version = after + events.length + 1
    if (entry !== `${version}-0`) return corrupt(`expected version ${version}: the log has a gap`)
    if (previous !== undefined && linkOf(previous, text) !== hash)
      return corrupt("its hash does not follow from its predecessor: the log was changed")
    const event = decodeEvent(text)
    if (Result.isFailure(event)) return corrupt(event.failure)
    events.push({ version, event: event.success, hash, text })
    if (head !== undefined) previous = hash
  }
  return Result.succeed(events)
}

/** Characters that are decoded before other work gets its turn. */
const READ_AT_ONCE = 256 * 1024

/** Decodes the first event of a log, as a function returned it. */
export const readFirstEvent = (batch: BatchId, text: string): Effect.Effect<BatchEvent, CorruptEntry> =>
  Result.match(decodeEvent(text), {
    onSuccess: Effect.succeed,
    onFailure: (reason) => Effect.fail(new CorruptEntry({ batch, entry: "1-0", reason })),
  })

export const readMail = ([id, fields]: StreamEntry): Mail => {
  const command = fields[1] === undefined ? Result.fail("the entry has no command") : decodeMail(fields[1])
  const commandId = fields[3]
  return Result.isSuccess(command)
    ? { id, commandId, command: command.success }
    : { id, commandId, command: undefined, problem: command.failure }
}

const readFeedEntry = ([id, [, batch, , from, , to, , base, , head]]: StreamEntry): FeedEntry => ({
  id,
  batch: batch as BatchId,
  from: Number(from),
  to: Number(to),
  base,
  head,
})

/** How many entries to read from a position, to get `limit` entries after it: the entry at the position comes first. */
export const readFrom = (position: string, limit: number): number =>
  position === FEED_START ? limit : limit + 1

/** Decodes the entries of a feed after a position, if the entry at the position is unchanged; else history was lost. */
export const readFeed = (
  position: string,
  head: string | undefined,
  entries: ReadonlyArray<StreamEntry>,
): Result.Result<ReadonlyArray<FeedEntry>, HistoryLost> => {
  const read = entries.map(readFeedEntry)
  if (position === FEED_START) return Result.succeed(read)
  const [known, ...later] = read
  const isSame = known?.id === position && (known.head ?? head) === (head ?? known.head)
  return isSame ? Result.succeed(later) : Result.fail(new HistoryLost({ cursor: position }))
}

/** The batch that a worker owns by an entry of the run queue; nothing if the entry names no batch. */
export const readOwnership = (worker: string, [entry, fields]: StreamEntry): ReadonlyArray<Ownership> =>
  fields[1] === undefined ? [] : [{ batch: fields[1] as BatchId, entry, worker }]

/** The same for an entry that nobody owned before. It says whether the batch is new. */
export const readFirstOwnership = (worker: string, entry: StreamEntry): ReadonlyArray<Ownership> =>
  entry[1][2] === "n"
    ? readOwnership(worker, entry).map((owned) => ({ ...owned, isNew: true }))
    : readOwnership(worker, entry)
