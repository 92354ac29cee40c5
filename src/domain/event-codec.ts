/** Events and mail as they are written: one line of JSON each. What cannot be read is a failure that says why, never a guess. */
import { Result, Schema } from "effect"
import { MailCommand } from "./commands.ts"
import { BatchEvent } from "./events.ts"

const eventJson = Schema.fromJsonString(BatchEvent)
const mailJson = Schema.fromJsonString(MailCommand)

export const encodeEvent: (event: BatchEvent) => string = Schema.encodeSync(eventJson)
export const encodeMail: (command: MailCommand) => string = Schema.encodeSync(mailJson)

const decodeEventJson = Schema.decodeUnknownResult(eventJson)
const decodeMailJson = Schema.decodeUnknownResult(mailJson)

/** Reads an event, or fails with a sentence that names the field and never its value: events hold account numbers. */
export const decodeEvent = (json: string): Result.Result<BatchEvent, string> =>
  Result.mapError(decodeEventJson(json), (error) => error.message)

/** Reads a command from a mailbox, or fails like {@link decodeEvent}. */
export const decodeMail = (json: string): Result.Result<MailCommand, string> =>
  Result.mapError(decodeMailJson(json), (error) => error.message)
