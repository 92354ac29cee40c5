import { Runtime, Schema } from "effect"
import { CliError } from "effect/cli"

/** Ends a command with an exit status, by default 1. `reason` is shown as it is, without a stack. */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", {
  reason: Schema.String,
  status: Schema.optionalKey(Schema.Int),
}) {
  override get [Runtime.errorExitCode]() {
    return this.status ?? 1
  }
  override get message() {
    return this.reason
  }
  override get [CliError.userMessage]() {
    return this.reason
  }
}

/** Turns an error whose message users may see into a {@link CliFailure}. */
export const asCliFailure = (error: Error): CliFailure => new CliFailure({ reason: error.message })
