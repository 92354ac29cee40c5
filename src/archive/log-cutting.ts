/**
 * Reads a log from Redis from its beginning, page by page, and cuts what is not archived yet into chunks. Each event is verified
 * against the hash chain and folded, so a log that was changed, or is not legal, is not archived.
 */
import { Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import { reservedNameOf } from "../http/payout-batches/batch-identity.ts"
import { advance, type BatchFold, emptyFold } from "../streams/batch-fold.ts"
import { visitEvents } from "../streams/event-range.ts"
import { CorruptEntry, type LoggedEvent } from "../streams/event-store.ts"
import { readEvents, type StreamEntry } from "../streams/stream-entry.ts"
import type { DueLog, NextChunk } from "./archive-store.ts"
import { CHUNK_CHARACTERS_MAX, CHUNK_EVENTS_MAX, CODEC, packed } from "./archived-chunk.ts"
import type { StoredLogs } from "./stored-logs.ts"

/** Events per read. Pages start small and double, because a log begins with its largest events. */
const PAGE_EVENTS_MIN = 16
const PAGE_EVENTS_MAX = 512

/** A log that is being read, as far as it was cut. */
export interface LogReading {
  readonly due: DueLog
  /** The version at which the reading ends: that with which the batch closed, or up to which the archive is ahead of it. */
  readonly to: number
  readonly fold: BatchFold
  /** What was read and not cut: it belongs to the next chunk. */
  ahead: ReadonlyArray<ReadEntry>
  page: number
}

interface ReadEntry {
  readonly text: string
  readonly event: LoggedEvent
}

/** Begins to read a log. */
export const readingOf = (due: DueLog): LogReading => ({
  due,
  to: Math.max(due.version, due.archived.version),
  fold: emptyFold(due.batch),
  ahead: [],
  page: PAGE_EVENTS_MIN,
})

/** Whether all of a log was read. */
export const isRead = ({ fold, to }: LogReading): boolean => fold.batch.version >= to

/**
 * The next chunk of a log, which begins where the archive ends; nothing if all of it is archived. Reads what is archived as well, and
 * fails with {@link CorruptEntry} where Redis, the archive, the read models and the registers do not know the same log.
 */
export const nextChunk = Effect.fnUntraced(function* (logs: StoredLogs["Service"], reading: LogReading) {
  const { due, fold } = reading
  const first = { after: fold.batch.version, base: fold.head }
  let [lines, events] = ["", 0]
  while (!isRead(reading) && events < CHUNK_EVENTS_MAX && lines.length < CHUNK_CHARACTERS_MAX) {
    const isArchived = fold.batch.version < due.archived.version
    if (reading.ahead.length === 0) yield* readOn(logs, reading)
    const some = isArchived
      ? reading.ahead
      : firstOf(reading.ahead, CHUNK_EVENTS_MAX - events, CHUNK_CHARACTERS_MAX - lines.length)
    reading.ahead = reading.ahead.slice(some.length)
    yield* visitEvents(
      due.batch,
      some.map(({ event }) => event),
      (event) => {
        advance(fold, event)
        agree(reading, event)
      },
    )
    if (isArchived) {
      first.after = fold.batch.version
      first.base = fold.head
      continue
    }
    for (const { text, event } of some) lines += `${text}\n${event.hash}\n`
    events += some.length
  }
  if (events === 0) return
  const { batch, partition, closedAt } = due
  const chunk = {
    batch,
    ...first,
    version: fold.batch.version,
    head: fold.head,
    codec: CODEC,
    events: yield* packed(lines),
  }
  const reservedName = reservedNameOf(fold.batch.partner as PartnerId, fold.batch.idempotencyKey)
  return {
    chunk,
    characters: lines.length,
    partition,
    closedAt,
    reservedName,
  } satisfies NextChunk as NextChunk
})

/** Reads the next page. No page has both what is archived and what is not. */
const readOn = Effect.fnUntraced(function* (logs: StoredLogs["Service"], reading: LogReading) {
  const { due, fold, to } = reading
  const { version } = fold.batch
  const end = version < due.archived.version ? due.archived.version : to
  const limit = Math.min(reading.page, end - version)
  const entries = (yield* logs.entries(due.batch, version, limit)).slice(0, limit)
  if (entries.length === 0)
    return yield* new CorruptEntry({
      batch: due.batch,
      entry: `${version + 1}-0`,
      reason: "the log in Redis ends before it: history was lost",
    })
  const events = yield* readEvents(due.batch, version, entries, fold.head)
  reading.ahead = events.map((event, index) => ({ text: textOf(entries[index]), event }))
  reading.page = Math.min(reading.page * 2, PAGE_EVENTS_MAX)
})

const textOf = (entry: StreamEntry | undefined): string => entry?.[1][1] ?? ""

/** The entries that a chunk has room for: at least one, and up to the one with which it is full. */
const firstOf = (entries: ReadonlyArray<ReadEntry>, eventsMax: number, charactersMax: number) => {
  let [taken, characters] = [0, 0]
  for (const { text } of entries) {
    if (taken >= eventsMax || characters >= charactersMax) break
    characters += text.length
    taken += 1
  }
  return entries.slice(0, taken)
}

/** Throws if somebody else knows another log than the one that is read. */
const agree = ({ due }: LogReading, { version, hash }: LoggedEvent): void => {
  const differs = (tail: { readonly version: number; readonly head: string } | undefined) =>
    tail?.version === version && tail.head !== hash
  if (differs(due.archived)) throw new Error("the archive has another log: history was lost")
  if (differs(due)) throw new Error("the read models know another log: history was lost")
  if (differs(due.noted)) throw new Error("the registers know another log: history was lost")
}
