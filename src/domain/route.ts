import { Schema } from "effect"

/** Why an attempt goes to its bank: the rule, its version, and the other banks of the rule that were not tried yet. */
export const Route = Schema.Struct({
  rule: Schema.String,
  version: Schema.String,
  others: Schema.optionalKey(Schema.Array(Schema.String)),
})
export type Route = typeof Route.Type
