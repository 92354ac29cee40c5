import { Schema } from "effect"
import { CliError } from "effect/cli"

/** What ends a command with status 1; `reason` is shown as it is, without a stack. */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
  override get [CliError.userMessage]() {
    return this.reason
  }
}

/** Turns an error whose message is fit for the screen into a {@link CliFailure}. */
export const asCliFailure = (error: Error): CliFailure => new CliFailure({ reason: error.message })
