/**
 * The trace to which a partner says that its batch belongs (W3C Trace Context, level 1). It is only a name that is passed on: nothing is
 * decided by it, and nobody vouches for it.
 */
import { Schema } from "effect"

export const Trace = Schema.Struct({
  /** 32 hex digits in lower case, not all of them zero. */
  id: Schema.String.check(
    Schema.isPattern(/^(?!0{32})[0-9a-f]{32}$/, { message: "expected the id of a trace" }),
  ),
  /** Whether the caller may have recorded it. */
  sampled: Schema.Boolean,
})
export type Trace = typeof Trace.Type
