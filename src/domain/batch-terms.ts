/**
 * What a partner's settings said when its batch was accepted, as the log keeps it. It is read as it was written: a currency, a
 * scheme or a mode that is given up later stays readable.
 */
import { Schema } from "effect"

const amounts = Schema.Record(Schema.String, Schema.String)
const names = Schema.Array(Schema.String)

export const BatchTerms = Schema.Struct({
  /** When the settings were set, in milliseconds since the Unix epoch: their version. */
  settingsVersion: Schema.Int,
  approvalAbove: Schema.optionalKey(amounts),
  modes: Schema.optionalKey(names),
  currencies: Schema.optionalKey(names),
  schemes: Schema.optionalKey(names),
  itemMax: Schema.optionalKey(amounts),
  batchMax: Schema.optionalKey(amounts),
  dayMax: Schema.optionalKey(amounts),
  backlogMax: Schema.optionalKey(Schema.Int),
  duplicates: Schema.optionalKey(Schema.String),
})
export type BatchTerms = typeof BatchTerms.Type
