import { Result, Schema } from "effect"

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

/** What `read` makes of a file, or the `UnreadableFile` that it throws as the failure. */
export const readable = <A>(read: () => A): Result.Result<A, UnreadableFile> => {
  try {
    return Result.succeed(read())
  } catch (error) {
    if (error instanceof UnreadableFile) return Result.fail(error)
    throw error
  }
}
