import { Schema } from "effect"

/**
 * A file that is not as agreed: the place, and the problem there. Neither quotes the file, because it may contain account
 * numbers.
 */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  place: Schema.String,
  problem: Schema.String,
}) {
  override get message() {
    return `${this.place}: ${this.problem}`
  }
}
