/** Schemas of what many answers show: times, cursors. */
import { Schema } from "effect"

/** A time in UTC (ISO 8601), as all times of the API. */
export const Instant = Schema.String.annotate({
  identifier: "Instant",
  format: "date-time",
  description: "ISO 8601 in UTC.",
})

/** The cursor of the next page. */
export const Next = Schema.NullOr(Schema.String).annotate({
  description: "The cursor of the next page; null at the end.",
})
