/** The port to what is to be archived and unlinked, and to what was. Each method is one step that may be repeated. */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { LogTail } from "../register/log-tail.ts"
import type { UnlinkableLog } from "../streams/log-unlinking.ts"
import type { ArchivedChunk } from "./archived-chunk.ts"

/** A log that is to be archived up to the version with which its batch closed, or went on since. */
export interface DueLog extends LogTail {
  readonly partition: number
  /** When the batch closed, in epoch milliseconds. */
  readonly closedAt: number
  /** How far it is archived; version 0 if it is not. */
  readonly archived: LogTail
  /** The furthest tail that the registers know; nothing if they know none. */
  readonly noted: LogTail | undefined
}

/** What is stored of a log with its next chunk. */
export interface NextChunk {
  readonly chunk: ArchivedChunk
  /** The length of its text. */
  readonly characters: number
  readonly partition: number
  /** When the batch closed, in epoch milliseconds. */
  readonly closedAt: number
  readonly reservedName: BatchId | undefined
}

/** An archived log that may be unlinked, as far as the archive knows. */
export interface DueUnlinking extends UnlinkableLog {
  readonly partition: number
}

/**
 * Which logs are taken: those whose wait of `afterMs` is over, or, however long they have waited, some batches, or the next ones by id
 * after one.
 */
export interface Wanted {
  readonly afterMs: number
  readonly which: "due" | { readonly batches: ReadonlyArray<BatchId> } | { readonly after: string }
}

/** What the archive has of a partition. */
export interface ArchiveCount {
  readonly partition: number
  readonly unlinked: number
  /** Logs that were about to be unlinked. Redis may have unlinked them. */
  readonly unlinking: number
}

/** What operators are shown of a partition. */
export interface ArchiveStanding extends ArchiveCount {
  readonly archived: number
  /** Closed batches of which something is not archived yet, and those of them that could not be archived. */
  readonly waiting: number
  readonly failing: number
}

/** A chunk as operators are shown it, with its size in bytes as it is stored. */
export interface ShownChunk extends Omit<ArchivedChunk, "batch" | "events"> {
  readonly bytes: number
}

export class ArchiveStore extends Context.Service<
  ArchiveStore,
  {
    /** Takes at most `limit` logs for so long, the ones that have waited longest first. No other archiver takes them meanwhile. */
    readonly claim: (
      wanted: Wanted,
      limit: number,
      holdMs: number,
    ) => Effect.Effect<ReadonlyArray<DueLog>, StoreUnavailable>
    /**
     * Stores the next chunk of each log, and that the log is archived up to it, if the archive ends where the chunk begins. Gives the
     * batches of which it was stored: others were archived by somebody else meanwhile. A log that goes on counts as in Redis again.
     */
    readonly append: (
      chunks: ReadonlyArray<NextChunk>,
    ) => Effect.Effect<ReadonlySet<BatchId>, StoreUnavailable>
    /** Notes that logs were verified in the archive up to these tails, also beside the registers. */
    readonly verified: (tails: ReadonlyArray<LogTail>) => Effect.Effect<void, StoreUnavailable>
    /** Notes that a log could not be archived. It is taken again after a wait that grows to a day. */
    readonly failed: (batch: BatchId, afterMs: number) => Effect.Effect<void, StoreUnavailable>
    /** Takes at most `limit` verified logs that are in Redis for so long, none of the partitions that are left out. */
    readonly claimUnlinkings: (
      wanted: Wanted,
      limit: number,
      holdMs: number,
      without: ReadonlyArray<number>,
    ) => Effect.Effect<ReadonlyArray<DueUnlinking>, StoreUnavailable>
    /** Notes that logs were unlinked from Redis, unless they went on meanwhile. */
    readonly unlinked: (tails: ReadonlyArray<LogTail>) => Effect.Effect<void, StoreUnavailable>
    /** Notes that a log could not be unlinked, and was not. It is taken again after `waitMs`. */
    readonly kept: (tail: LogTail, waitMs: number, afterMs: number) => Effect.Effect<void, StoreUnavailable>
    /**
     * Notes that logs are in Redis again, of those among them that were unlinked more than `olderThanMs` ago: who lists them may be so
     * late that one was unlinked again.
     */
    readonly restored: (
      batches: ReadonlyArray<BatchId>,
      olderThanMs: number,
    ) => Effect.Effect<void, StoreUnavailable>
    /** What the archive counts of each partition that it has logs of. */
    readonly counts: Effect.Effect<ReadonlyArray<ArchiveCount>, StoreUnavailable>
    /** For how long the longest wait has been over, in milliseconds; 0 if none is. */
    readonly overdueMs: (afterMs: number) => Effect.Effect<number, StoreUnavailable>
    /** For operators: what there is of each partition, and the chunks of a log. */
    readonly standing: Effect.Effect<ReadonlyArray<ArchiveStanding>, StoreUnavailable>
    readonly chunks: (
      batch: BatchId,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<ShownChunk>, StoreUnavailable>
  }
>()("atlaspay/archive/ArchiveStore") {}
