import { Schema } from "effect"

/** The register did not answer. A step that writes may have been done or not; each may be repeated. */
export class RegisterUnavailable extends Schema.TaggedError<RegisterUnavailable>()("RegisterUnavailable", {
  step: Schema.String,
  reason: Schema.String,
}) {}
