/**
 * Moves logs of closed batches into the archive, a group at a time: read from Redis and verified, stored chunk by chunk, read back and
 * verified again. Only then is a log noted as archived. Whoever dies leaves logs that are archived up to some chunk; the next archiver
 * goes on there.
 */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import type { LogTail } from "../register/log-tail.ts"
import type { CorruptEntry } from "../streams/event-store.ts"
import { LogArchive } from "../streams/log-archive.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { ArchiveStore, type DueLog, type NextChunk, type Wanted } from "./archive-store.ts"
import { verifyArchived } from "./archive-verification.ts"
import { eachSound, type Failing } from "./each-sound.ts"
import { rest } from "./intake-rest.ts"
import { isRead, type LogReading, nextChunk, readingOf } from "./log-cutting.ts"
import { StoredLogs } from "./stored-logs.ts"

/** Logs that one round takes. */
export const CLAIMED_MAX = 64
/** Logs whose first chunks are stored together: at most so many chunks are in memory. */
const TOGETHER_MAX = 16
/** How long nobody else takes a log that was taken. If it takes longer, somebody else may go on with it, and stores nothing twice. */
const HOLD_MS = 60_000

/** What a round did. */
export interface Archived {
  readonly taken: number
  /** The last one that was taken, by id. */
  readonly last: BatchId | undefined
  readonly archived: ReadonlyArray<BatchId>
  readonly failed: ReadonlyArray<CorruptEntry>
}

/** Archives logs that are due, or the ones that are wanted, at most {@link CLAIMED_MAX} of them. One that fails concerns no other. */
export const archiveRound = Effect.fn("Archive.round")(function* (wanted: Wanted) {
  const parts = yield* partsOf
  const due = yield* parts.store.claim(wanted, CLAIMED_MAX, HOLD_MS)
  const archived: Array<BatchId> = []
  const failed: Array<CorruptEntry> = []
  const fail = Effect.fnUntraced(function* (failure: CorruptEntry) {
    failed.push(failure)
    parts.metrics.archiveFailures.inc()
    yield* Effect.logError("the log of a closed batch cannot be archived", {
      batch: failure.batch,
      entry: failure.entry,
      reason: failure.reason,
    })
    yield* parts.store.failed(failure.batch as BatchId, wanted.afterMs)
  })
  for (let from = 0; from < due.length; from += TOGETHER_MAX) {
    const group = due.slice(from, from + TOGETHER_MAX)
    archived.push(...(yield* rest(archiveGroup(parts, group, fail))))
  }
  return { taken: due.length, last: due.at(-1)?.batch, archived, failed } satisfies Archived as Archived
})

const partsOf = Effect.gen(function* () {
  return {
    store: yield* ArchiveStore,
    logs: yield* StoredLogs,
    archive: yield* LogArchive,
    pass: yield* CrashPoints,
    metrics: yield* Metrics,
  }
})

type Parts = Effect.Success<typeof partsOf>

const archiveGroup = Effect.fnUntraced(function* (parts: Parts, group: ReadonlyArray<DueLog>, fail: Failing) {
  const stored = yield* storeGroup(parts, group, fail)
  const tails = yield* eachSound(stored, fail, (tail) => Effect.as(verifyArchived(parts.archive, tail), tail))
  yield* parts.store.verified(tails)
  yield* Effect.forEach(tails, () => parts.pass("after-archive"), { discard: true })
  parts.metrics.archivedLogs.inc(tails.length)
  return tails.map(({ batch }) => batch)
})

/** Stores what is not archived of a group of logs. Gives the tails, as they were read from Redis, of those that are stored wholly. */
const storeGroup = Effect.fnUntraced(function* (parts: Parts, group: ReadonlyArray<DueLog>, fail: Failing) {
  const begun = yield* eachSound(group, fail, (due) => begin(parts, due))
  const stored = yield* storeChunks(
    parts,
    begun.flatMap(({ next }) => (next === undefined ? [] : [next])),
  )
  const ours = begun.filter(({ due, next }) => next === undefined || stored.has(due.batch))
  const whole = ours.flatMap(({ tail }) => (tail === undefined ? [] : [tail]))
  const more = ours.flatMap(({ due, next, tail }) =>
    tail === undefined && next !== undefined ? [goneOn(due, next)] : [],
  )
  return [...whole, ...(yield* eachSound(more, fail, (due) => storeRest(parts, due), 1))]
})

/** The first chunk of a log, and its tail if that is all there is. Who holds it does not hold the fold. */
const begin = Effect.fnUntraced(function* (parts: Parts, due: DueLog) {
  yield* parts.pass("before-archive")
  const reading = readingOf(due)
  const next = yield* nextChunk(parts.logs, reading)
  return { due, next, tail: isRead(reading) ? tailOf(reading) : undefined }
})

const tailOf = ({ due: { batch }, fold }: LogReading): LogTail => ({
  batch,
  version: fold.batch.version,
  head: fold.head,
})

const goneOn = (due: DueLog, { chunk: { batch, version, head } }: NextChunk): DueLog => ({
  ...due,
  archived: { batch, version, head },
})

/**
 * Few logs have more than one chunk. Such a log is read anew, and one at a time: the fold of a batch of 100,000 payouts takes much
 * memory, and goes with it. Gives the tail once all of it is stored; nothing if somebody else archives the log.
 */
const storeRest = Effect.fnUntraced(function* (parts: Parts, due: DueLog) {
  const reading = readingOf(due)
  while (!isRead(reading)) {
    const next = yield* nextChunk(parts.logs, reading)
    if (next !== undefined && !(yield* storeChunks(parts, [next])).has(due.batch)) return
  }
  return tailOf(reading)
})

const storeChunks = Effect.fnUntraced(function* (parts: Parts, chunks: ReadonlyArray<NextChunk>) {
  const stored = yield* parts.store.append(chunks)
  for (const { chunk, characters } of chunks)
    if (stored.has(chunk.batch)) {
      yield* parts.pass("within-archive")
      parts.metrics.archivedEvents.inc(chunk.version - chunk.after)
      parts.metrics.archivedBytes.inc({ form: "text" }, characters)
      parts.metrics.archivedBytes.inc({ form: "stored" }, chunk.events.length)
    }
  return stored
})
