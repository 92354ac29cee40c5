/** What a batch keeps of payouts that its partner was accepted before. */
import { Schema } from "effect"
import { BatchId, ItemNumber } from "./identifiers.ts"
import { OutsideText } from "./outside-text.ts"

/** Duplicates that are named one by one; all are counted. */
export const DUPLICATES_NAMED_MAX = 100

/** What was found, when a batch was accepted, of payouts that the partner was accepted before. */
export const Duplicates = Schema.Struct({
  /** Items that are duplicates of an item of an earlier batch, or of an earlier item of the same one. */
  count: Schema.Int,
  /** The first {@link DUPLICATES_NAMED_MAX} of them. */
  items: Schema.Array(
    Schema.Struct({ item: ItemNumber, duplicateOf: Schema.Struct({ batch: BatchId, item: ItemNumber }) }),
  ),
  /** Earlier payouts could not all be compared: there may be more. */
  unchecked: Schema.optionalKey(Schema.Literal(true)),
  /** Why the partner allowed duplicates in the batch, where it did. */
  reason: Schema.optionalKey(OutsideText),
})
export type Duplicates = typeof Duplicates.Type
