import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Cursor, CursorMove } from "../streams/cursor-store.ts"
import type { ActRow, BatchRow, BatchRows, DayRow, ItemRow } from "./batch-rows.ts"

/** The change that a chunk of a partition's feed makes to the read models. */
export interface ReadModelChange {
  readonly partition: number
  /** The positions between which the checkpoint moves. */
  readonly from: string
  readonly to: Cursor
  /** At most one row per batch, and one per item. */
  readonly batches: ReadonlyArray<BatchRow>
  readonly items: ReadonlyArray<ItemRow>
  /** At most one row per batch, day, currency, bank, state and code, and one per event of a batch. */
  readonly days: ReadonlyArray<DayRow>
  readonly acts: ReadonlyArray<ActRow>
}

/** The version of the log up to which a batch is shown, and when that was appended (epoch milliseconds). */
export interface ShownUpTo {
  readonly id: BatchId
  readonly version: number
  readonly updatedAt: number
}

/** The name of the checkpoints of the read models. */
export const PROJECTION = "payout-batches"

/** The port to the read models for writing. */
export class ReadModels extends Context.Service<
  ReadModels,
  {
    /**
     * Stores the changes of different partitions, atomically: the rows, and their checkpoints. Of a change whose checkpoint
     * is not at `from` it writes nothing. A row never goes back to an older version. Answers in the order of the changes.
     */
    readonly store: (
      changes: ReadonlyArray<ReadModelChange>,
    ) => Effect.Effect<ReadonlyArray<CursorMove>, StoreUnavailable>
    /** At most `limit` shown batches with ids after `after`, by id. */
    readonly shown: (
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<ShownUpTo>, StoreUnavailable>
    /** Replaces the rows of a batch, whatever their version. Without rows, removes the batch. */
    readonly replace: (id: BatchId, rows: BatchRows | undefined) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/projections/ReadModels") {}
