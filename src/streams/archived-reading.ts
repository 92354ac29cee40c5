/**
 * Reads logs wherever they are. Redis is asked first, and a read that sees the log there costs nothing more. Only one that
 * sees nothing asks where the log is: at its end, in the archive, or nowhere. A log that is restored is whole, and as it was, so
 * who reads it page by page while it leaves or comes back sees one history.
 */
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry, EventRange, EventStore, LoggedEvent } from "./event-store.ts"
import type { LogArchive } from "./log-archive.ts"
import { readEvents } from "./stream-entry.ts"

/** Where a log is: in Redis, with its tail; perhaps in the archive; or nowhere. */
export type LogPlace =
  | { readonly _tag: "Here"; readonly version: number }
  | { readonly _tag: "MaybeArchived" }
  | { readonly _tag: "Nowhere" }

type Reading = Pick<EventStore["Service"], "read" | "readRanges" | "replicated">

/** What reads logs in Redis alone, and finds out where a log is. */
export interface HotReading extends Omit<Reading, "read"> {
  /** `isHere` if the log was seen, although it may have nothing after the version. */
  readonly read: (
    ...of: Parameters<Reading["read"]>
  ) => Effect.Effect<
    { readonly events: ReadonlyArray<LoggedEvent>; readonly isHere: boolean },
    CorruptEntry | StoreUnavailable
  >
  readonly place: (batch: BatchId) => Effect.Effect<LogPlace, StoreUnavailable>
}

/** A log is restored or unlinked between two steps at most so often; the next read goes on. */
const LOOKS_MAX = 4
/** Logs that are read from the archive at a time. */
const ARCHIVED_CONCURRENT = 8

export const readingEverywhere = (hot: HotReading, archive: LogArchive["Service"]): Reading => {
  const beyond = Effect.fnUntraced(function* (
    batch: BatchId,
    after: number,
    limit: number,
    head?: string,
  ): Effect.fn.Return<ReadonlyArray<LoggedEvent>, CorruptEntry | StoreUnavailable> {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      const place = yield* hot.place(batch)
      if (place._tag === "Nowhere") return []
      if (place._tag === "MaybeArchived")
        return yield* readEvents(batch, after, yield* archive.entries(batch, after, limit), head)
      if (place.version <= after) return []
      // It was restored, or appended to, since it was read.
      const { events, isHere } = yield* hot.read(batch, after, limit, head)
      if (isHere) return events
    }
    return []
  })

  return {
    read: (batch, after, limit, head) =>
      Effect.flatMap(hot.read(batch, after, limit, head), ({ events, isHere }) =>
        isHere || limit < 1 ? Effect.succeed(events) : beyond(batch, after, limit, head),
      ),

    readRanges: (ranges) =>
      Effect.flatMap(hot.readRanges(ranges), (found) => {
        const missing = ranges.filter((range, index) => isMissing(range, found[index]))
        return missing.length === 0 ? Effect.succeed(found) : withMissing(ranges, found, beyond)
      }),

    replicated: (batch, version, head) =>
      hot.replicated(batch, version, head).pipe(
        Effect.catchTag("OwnershipLost", (lost) =>
          // A log that was unlinked is where no failover can lose it.
          Effect.flatMap(
            archive.entries(batch, version - 1, 1),
            ([entry]): Effect.Effect<void, typeof lost> =>
              entry?.[1][3] === head ? Effect.void : Effect.fail(lost),
          ).pipe(Effect.catchTag("CorruptEntry", () => Effect.fail(lost))),
        ),
      ),
  }
}

type Found = Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>

const isMissing = ({ after, to }: EventRange, found: Found | undefined): boolean =>
  to > after && found !== undefined && Result.isSuccess(found) && found.success.length === 0

/** What was found in Redis, and the ranges of which nothing was found from where they are. */
const withMissing = (
  ranges: ReadonlyArray<EventRange>,
  found: ReadonlyArray<Found>,
  beyond: (
    batch: BatchId,
    after: number,
    limit: number,
    head?: string,
  ) => Effect.Effect<ReadonlyArray<LoggedEvent>, CorruptEntry | StoreUnavailable>,
): Effect.Effect<ReadonlyArray<Found>, StoreUnavailable> =>
  Effect.forEach(
    ranges,
    (range, index) => {
      const here = found[index] ?? Result.succeed([])
      if (!isMissing(range, here)) return Effect.succeed(here)
      const { batch, after, to, head } = range
      return beyond(batch, after, to - after, head).pipe(
        Effect.map((events): Found => Result.succeed(events)),
        Effect.catchTag("CorruptEntry", (corrupt) => Effect.succeed<Found>(Result.fail(corrupt))),
      )
    },
    { concurrency: ARCHIVED_CONCURRENT },
  )
