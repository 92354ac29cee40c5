import { Schema } from "effect"

/** The folder or the record of files did not do a step. It is done again, as all steps may be, a little later. */
export class BankFilesUnavailable extends Schema.TaggedError<BankFilesUnavailable>()("BankFilesUnavailable", {
  step: Schema.String,
  reason: Schema.String,
}) {}
