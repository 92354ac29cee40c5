import { Schema } from "effect"

/** The store did not answer, or answered what it should not. Nothing may be assumed about the step. */
export class StreamsUnavailable extends Schema.TaggedError<StreamsUnavailable>()("StreamsUnavailable", {
  step: Schema.String,
  reason: Schema.String,
}) {}
