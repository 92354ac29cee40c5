import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Cursor, CursorMove } from "../streams/cursor-store.ts"
import type { BatchRow, ItemRow } from "./batch-rows.ts"

/** What a chunk of a partition's feed makes of the read models. */
export interface ReadModelChange {
  readonly partition: number
  /** The positions between which the checkpoint moves. */
  readonly from: string
  readonly to: Cursor
  /** At most one row per batch, and one per item. */
  readonly batches: ReadonlyArray<BatchRow>
  readonly items: ReadonlyArray<ItemRow>
}

/** Up to where a batch is shown: the version of its log, and when that was appended (epoch milliseconds). */
export interface ShownUpTo {
  readonly id: BatchId
  readonly version: number
  readonly updatedAt: number
}

/** The name under which the checkpoints of the read models are kept. */
export const PROJECTION = "payout-batches"

/** The port through which the projector writes. */
export class ReadModels extends Context.Service<
  ReadModels,
  {
    /**
     * Stores rows and moves the checkpoint, together. Nothing is written when the checkpoint is not at `from`, and no
     * row goes back to an older version.
     */
    readonly store: (change: ReadModelChange) => Effect.Effect<CursorMove, StoreUnavailable>
    /** Batches that are shown, by their ids after one, at most `limit`. */
    readonly shown: (
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<ShownUpTo>, StoreUnavailable>
    /** Writes the rows of a batch in place of those that there are, whatever their version; none removes it. */
    readonly replace: (
      id: BatchId,
      batch: BatchRow | undefined,
      items: ReadonlyArray<ItemRow>,
    ) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/projections/ReadModels") {}
