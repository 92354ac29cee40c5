import { Schema } from "effect"

/**
 * A file that is not what was agreed: where, and what is wrong there. Neither quotes what the file says: it may be an
 * account number.
 */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  place: Schema.String,
  problem: Schema.String,
}) {
  override get message() {
    return `${this.place}: ${this.problem}`
  }
}
