/** What verification reads of each store, and nothing that writes. Unlike the event store it gets entries as they are, sound or not. */
import { Context, type Effect } from "effect"
import type { ArchivedChunk } from "../archive/archived-chunk.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Place } from "../proof/merkle-tree.ts"
import type { FeedEntry } from "../streams/feed.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"

type Read<A> = Effect.Effect<A, StoreUnavailable>

/** A page of names in order, or of a walk, and where it goes on; nothing after the last page. */
export interface NamesPage {
  readonly batches: ReadonlyArray<BatchId>
  readonly next: string | undefined
}

/** Entries of a log after an entry; the first of them may have any id. */
export interface LogRange {
  readonly batch: BatchId
  readonly after: string
  readonly limit: number
}

/** Logs, feeds and queues as Redis has them. */
export class LogEvidence extends Context.Service<
  LogEvidence,
  {
    readonly partitions: number
    readonly partitionOf: (batch: BatchId) => number
    /** A page of a walk over all logs ("" begins it), some of them more than once, in no order. */
    readonly names: (cursor: string, limit: number) => Read<NamesPage>
    /** How many entries each log has; 0 if Redis does not have it. */
    readonly lengths: (batches: ReadonlyArray<BatchId>) => Read<ReadonlyArray<number>>
    /** The entries of each range. */
    readonly read: (ranges: ReadonlyArray<LogRange>) => Read<ReadonlyArray<ReadonlyArray<StreamEntry>>>
    /** The entries of logs at single versions, in the order asked for; nothing where a log has none. */
    readonly at: (
      places: ReadonlyArray<{ readonly batch: BatchId; readonly version: number }>,
    ) => Read<ReadonlyArray<StreamEntry | undefined>>
    /** Whether each batch is among the open ones of its partition, and how many entries its log has right after. */
    readonly opened: (
      batches: ReadonlyArray<BatchId>,
    ) => Read<ReadonlyArray<{ readonly isOpen: boolean; readonly length: number }>>
    /** What Redis knows of logs that it unlinked. */
    readonly standing: (
      batches: ReadonlyArray<BatchId>,
    ) => Read<ReadonlyArray<{ readonly isRestored: boolean; readonly mayBeArchived: boolean }>>
    /** Appends in a partition's feed after a position ("0-0" is the beginning). */
    readonly feed: (partition: number, after: string, limit: number) => Read<ReadonlyArray<FeedEntry>>
    /** The position of the last append of a partition's feed; "0-0" if it has none. */
    readonly feedEnd: (partition: number) => Read<string>
    /** The entry of a partition's feed at a position. */
    readonly feedAt: (partition: number, position: string) => Read<FeedEntry | undefined>
    /** A page of the batches that a partition has as open, timed, scheduled or waiting. */
    readonly queued: (partition: number, cursor: string, limit: number) => Read<NamesPage>
  }
>()("atlaspay/verification/LogEvidence") {}

/** A version of a log, and its hash then. */
export interface RecordedTail {
  readonly version: number
  readonly head: string
}

/** All rows about a batch but its attempts and its archived events. */
export interface BatchRecords {
  /** Its hash is absent in rows of releases that did not show one. */
  readonly shown:
    | { readonly version: number; readonly head: string | undefined; readonly closedAt: number | undefined }
    | undefined
  readonly closed:
    | (RecordedTail & {
        readonly partition: number
        readonly closedAt: number
        readonly archivedVersion: number
        readonly enteredVersion: number
      })
    | undefined
  readonly archived:
    | (RecordedTail & {
        readonly partition: number
        readonly closedAt: number
        readonly unlinkedAt: number | undefined
      })
    | undefined
  /** The last known tail in the register. */
  readonly tail: RecordedTail | undefined
  /** Tails at which decisions were answered. */
  readonly answered: ReadonlyArray<RecordedTail>
  /** Leaves in the proof tree. */
  readonly leaves: ReadonlyArray<Omit<LeafRow, "batch">>
  /** Whether a loss of history of its partition was accepted after its tail was noted. */
  readonly isLossAccepted: boolean
}

/** An attempt as it is registered. */
export interface AttemptRow {
  readonly batch: BatchId
  readonly item: number
  readonly attempt: number
  readonly bank: string
}

/** The stores in Postgres that name batches. */
export const naming = ["archive", "closed batches", "read models", "register", "proof tree"] as const
export type Naming = (typeof naming)[number]

/** A leaf of the proof tree. */
export interface LeafRow extends RecordedTail {
  readonly position: number
  readonly batch: BatchId
  readonly eventsRoot: Buffer
}

/** A signed root of the proof tree, by the columns beside its note. `at` is in epoch milliseconds. */
export interface RootRow {
  readonly number: number
  readonly origin: string
  readonly size: number
  readonly root: Buffer
  readonly at: number
  readonly keyId: string
  readonly note: string
}

/** The position of a follower in a partition's feed, and the hash of the entry there if it is known. */
export interface CursorRow {
  readonly follower: string
  readonly partition: number
  readonly position: string
  readonly head: string | undefined
}

/** Rows as Postgres has them. */
export class RecordEvidence extends Context.Service<
  RecordEvidence,
  {
    /** What is recorded about batches, in the order asked for. */
    readonly records: (batches: ReadonlyArray<BatchId>) => Read<ReadonlyArray<BatchRecords>>
    /** At most `limit` archived chunks of some batches, by batch and version, after one of them ("" and 0 at first). */
    readonly chunks: (
      batches: ReadonlyArray<BatchId>,
      after: { readonly batch: string; readonly after: number },
      limit: number,
    ) => Read<ReadonlyArray<ArchivedChunk>>
    /** At most `limit` registered attempts of some batches, by batch, item and attempt, after one of them. */
    readonly attempts: (
      batches: ReadonlyArray<BatchId>,
      after: Pick<AttemptRow, "item" | "attempt"> & { readonly batch: string },
      limit: number,
    ) => Read<ReadonlyArray<AttemptRow>>
    /** At most `limit` batches that a store names, in order after one ("" at first). */
    readonly names: (of: Naming, after: string, limit: number) => Read<ReadonlyArray<BatchId>>
    /** At most `limit` leaves of the proof tree from a position on, in order. */
    readonly leaves: (from: number, limit: number) => Read<ReadonlyArray<LeafRow>>
    /** All leaves of some batches. */
    readonly leavesOf: (batches: ReadonlyArray<BatchId>) => Read<ReadonlyArray<LeafRow>>
    /** How many leaves the tree has by its own count. */
    readonly treeSize: Read<number>
    /** The stored hashes of complete subtrees; nothing where there is none. */
    readonly nodes: (places: ReadonlyArray<Place>) => Read<ReadonlyArray<Buffer | undefined>>
    /** At most `limit` signed roots after a number, by number. */
    readonly roots: (after: number, limit: number) => Read<ReadonlyArray<RootRow>>
    /** The number of the last signed root; 0 if there is none. */
    readonly lastRoot: Read<number>
    /** The public keys that signed roots, as verifiers of signed notes take them. */
    readonly keys: Read<ReadonlyArray<string>>
    /** Where the followers of feeds stand. What follows something else has positions there too, and is not among them. */
    readonly cursors: Read<ReadonlyArray<CursorRow>>
    /** The time of the server, in epoch milliseconds. */
    readonly now: Read<number>
    /**
     * At most `limit` logs that were unlinked at or after a time (epoch milliseconds), or that may have been although nobody noted it yet,
     * in order after one.
     */
    readonly unlinkedSince: (since: number, after: string, limit: number) => Read<ReadonlyArray<BatchId>>
  }
>()("atlaspay/verification/RecordEvidence") {}
