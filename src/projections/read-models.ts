import { Context, type Effect } from "effect"
import type { Cursor, CursorMove } from "../streams/cursor-store.ts"
import type { ReadModelUnavailable } from "./batch-queries.ts"
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
    readonly store: (change: ReadModelChange) => Effect.Effect<CursorMove, ReadModelUnavailable>
  }
>()("atlaspay/projections/ReadModels") {}
