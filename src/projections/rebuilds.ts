/**
 * The port to a rebuild of the read models. Tables beside the live ones are filled from the logs, followed up from the feed, and
 * then take the place of the live ones. Nothing of what is live is read for that.
 *
 * - `listing`: the feed is held where it ends now, and the names of all logs are noted.
 * - `copying`: the rows of each batch, by id. A batch that goes on meanwhile comes again with the feed.
 * - `indexing`: the indexes that the live tables have.
 * - `following`: a projector of its own keeps the new tables up with the feed, until they are switched.
 *
 * One rebuild is under way at a time, and one process has it. If that dies, another one continues after the last step.
 */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { FollowerCursor } from "../streams/cursor-store.ts"
import type { FeedHolds } from "../streams/feed-keeper.ts"
import type { ReadModelRows } from "./read-model-tables.ts"

export type RebuildState = "listing" | "copying" | "indexing" | "following" | "switched" | "abandoned"

/** How far a rebuild came. Times are epoch milliseconds. */
export interface Rebuild {
  readonly id: number
  readonly state: RebuildState
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** Whether a process works on it now. */
  readonly isHeld: boolean
  /** How many batches there are to copy, and how many batches and events of them were. */
  readonly listed: number
  readonly batches: number
  readonly events: number
  readonly copiedTo: string
}

/** What was copied of some batches, which follow each other in the order of their ids. */
export interface Copied {
  readonly rows: ReadModelRows
  /** The last batch that was copied before, and the last one of these. */
  readonly from: string
  readonly to: BatchId
  readonly batches: number
  readonly events: number
  /** The partition of each batch among them that is closed, by its id. */
  readonly partitionOf: (batch: BatchId) => number
}

/**
 * `behind`: a live checkpoint is further. `busy`: a table was in use. `changed`: the live tables are no longer what the new ones
 * were made like. `lost`: this process does not have the rebuild any more.
 */
export type Switching = "switched" | "behind" | "busy" | "changed" | "lost"

export class Rebuilds extends Context.Service<
  Rebuilds,
  {
    /** Takes the rebuild that is under way, or begins one. Nothing if another process has it. */
    readonly take: Effect.Effect<Rebuild | undefined, StoreUnavailable>
    /** Keeps the rebuild for this process. Gives whether it still has it. */
    readonly keep: (rebuild: number) => Effect.Effect<boolean, StoreUnavailable>
    /** Lets another process take the rebuild. */
    readonly release: (rebuild: number) => Effect.Effect<void, StoreUnavailable>
    /** Makes the new tables, empty, whatever there was, and holds all of the feed. */
    readonly prepare: (rebuild: number) => Effect.Effect<void, StoreUnavailable>
    /** Where the new tables are followed up from. The feed is held there. */
    readonly begin: (
      rebuild: number,
      ends: ReadonlyArray<FollowerCursor>,
    ) => Effect.Effect<void, StoreUnavailable>
    /** Notes names of logs, some perhaps again. */
    readonly list: (batches: ReadonlyArray<BatchId>) => Effect.Effect<void, StoreUnavailable>
    /** At most `limit` of the noted names after `after`, by id. */
    readonly listed: (after: string, limit: number) => Effect.Effect<ReadonlyArray<BatchId>, StoreUnavailable>
    /** Goes on to a state from the one before it. */
    readonly enter: (rebuild: number, state: RebuildState) => Effect.Effect<void, StoreUnavailable>
    /**
     * Stores rows and how far they go, atomically, and notes closed batches that are not noted. Gives whether it did: not if
     * another process has the rebuild, and not a second time.
     */
    readonly copy: (rebuild: number, copied: Copied) => Effect.Effect<boolean, StoreUnavailable>
    /** Makes an index that is still lacking, and gives its name; nothing if none is. */
    readonly makeIndex: Effect.Effect<string | undefined, StoreUnavailable>
    /** Lets Postgres count what the new tables have, so that it plans statements on them well. */
    readonly analyze: Effect.Effect<void, StoreUnavailable>
    /** Where the new tables stand in the feeds. */
    readonly standing: Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable>
    /** Keeps live checkpoints where they are for so long: their projector stands by. 0 lets it go on. */
    readonly pause: (forMs: number) => Effect.Effect<void, StoreUnavailable>
    /**
     * Puts the new tables in the place of the live ones. Waits for each table in use at most `waitMs`, because all who come to it
     * meanwhile wait as well. Live checkpoints of `notCompared` partitions may be further.
     */
    readonly switchTables: (
      rebuild: number,
      waitMs: number,
      notCompared: ReadonlyArray<number>,
    ) => Effect.Effect<Switching, StoreUnavailable>
    /** Ends the rebuild that is under way and removes its tables, whoever has it. Gives whether there was one. */
    readonly abandon: Effect.Effect<boolean, StoreUnavailable>
    /** The last rebuild. */
    readonly last: Effect.Effect<Rebuild | undefined, StoreUnavailable>
    /** The positions that a rebuild needs of the feeds. One that nobody worked on for a day keeps none. */
    readonly holds: FeedHolds
  }
>()("atlaspay/projections/Rebuilds") {}
