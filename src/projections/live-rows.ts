/** The port to what the read models show, for who compares it with the logs. Reads only. */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { ReadModelRow, ReadModelRows, ReadModelTable } from "./read-model-tables.ts"

/** A row that is not as it should be, as JSON: one of both is missing if the row is missing, or should not be there. */
export interface RowDifference {
  readonly table: ReadModelTable
  readonly expected: ReadModelRow | undefined
  readonly live: ReadModelRow | undefined
}

/** What a comparison found of a batch, all at one moment. */
export interface Compared {
  /** The version that the batch's row shows; nothing if there is none. */
  readonly shown: number | undefined
  /** At most {@link DIFFERENCES_MAX} of each table. */
  readonly differences: ReadonlyArray<RowDifference>
}

export const DIFFERENCES_MAX = 1_000

export class LiveRows extends Context.Service<
  LiveRows,
  {
    /** The version that a batch's row shows; nothing if there is none. */
    readonly shown: (batch: BatchId) => Effect.Effect<number | undefined, StoreUnavailable>
    /** Compares the rows of a batch with what they should be. Of items, only those after `after` up to `to`. */
    readonly compare: (
      batch: BatchId,
      expected: ReadModelRows,
      items: { readonly after: number; readonly to: number },
    ) => Effect.Effect<Compared, StoreUnavailable>
    /** At most `limit` batches that a table has rows of, with ids after `after`, by id. */
    readonly batches: (
      table: ReadModelTable,
      after: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<BatchId>, StoreUnavailable>
    /** A shown batch with at most so many items, at random; nothing if there is none near. */
    readonly anyBatch: (itemsMax: number) => Effect.Effect<BatchId | undefined, StoreUnavailable>
  }
>()("atlaspay/projections/LiveRows") {}
