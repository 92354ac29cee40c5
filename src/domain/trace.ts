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
  /** Whether it is recorded: by the caller, or, if this service records traces, here. */
  sampled: Schema.Boolean,
  /** The caller's span, 16 hex digits. Absent in logs of releases that did not record traces. */
  parent: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^(?!0{16})[0-9a-f]{16}$/, { message: "expected the id of a span" }),
    ),
  ),
})
export type Trace = typeof Trace.Type
