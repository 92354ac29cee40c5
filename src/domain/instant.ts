import { Schema } from "effect"

/** Milliseconds since the Unix epoch. */
export const Instant = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ title: "Instant" })
