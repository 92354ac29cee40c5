import { Schema } from "effect"

/** A step on the folder or on the record of files failed. Every step may be repeated, and is, in the next pass. */
export class BankFilesUnavailable extends Schema.TaggedError<BankFilesUnavailable>()("BankFilesUnavailable", {
  step: Schema.String,
  reason: Schema.String,
}) {}
