/**
 * The port to the logs of closed batches in the archive. A log is wholly in Redis, wholly in the archive, or in both. The event
 * store and the mailbox look here for logs that Redis does not have; nobody else needs to know where a log is.
 */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry } from "./event-store.ts"
import type { StreamEntry } from "./stream-entry.ts"

/** A log that is archived up to a version, which has this hash. */
export interface ArchivedLog {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
  /** When it was archived, and unlinked from Redis if it was: epoch milliseconds. */
  readonly archivedAt: number
  readonly unlinkedAt: number | undefined
  /** The name that the batch's key in quotes has reserved, if it did. */
  readonly reservedName?: BatchId | undefined
}

export class LogArchive extends Context.Service<
  LogArchive,
  {
    /** The archived log of a batch; nothing if it has none. */
    readonly find: (batch: BatchId) => Effect.Effect<ArchivedLog | undefined, StoreUnavailable>
    /**
     * At most `limit` entries of an archived log after a version, as its stream had them: `<version>-0`, fields `e` and `h`. None
     * if nothing is archived after it.
     */
    readonly entries: (
      batch: BatchId,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<StreamEntry>, StoreUnavailable | CorruptEntry>
    /** The batch of a key in quotes that has reserved this name; nothing if no archived one has. */
    readonly reservedFor: (name: BatchId) => Effect.Effect<BatchId | undefined, StoreUnavailable>
    /** At most `limit` archived logs with ids after `after`, by id. */
    readonly logs: (
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<ArchivedLog>, StoreUnavailable>
  }
>()("atlaspay/streams/LogArchive") {}
