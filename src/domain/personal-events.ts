/** Who gave a command, as events of the log have it, and events of people: a refusal after a 202, another schedule, a declined approval. */
import { Schema } from "effect"
import { PlainText } from "./beneficiary.ts"
import { Credential } from "./credential.ts"
import { AttemptNumber, ItemNumber } from "./identifiers.ts"
import { OutsideText } from "./outside-text.ts"

/** The commands of people. */
export const personalCommands = [
  "Approve",
  "Decline",
  "Cancel",
  "Review",
  "Retry",
  "Resolve",
  "Reschedule",
] as const

/**
 * A name for people: a note, not an identity. Or the policy that acted. It follows from the credential; in logs of older releases
 * it may be a name that somebody typed.
 */
export const Actor = PlainText(128)

/**
 * Who acted. `typedBy` is the name that the request gave for it, if it gave one: a note, which nothing depends on. `commandId` is the
 * id of the command that caused the event; logs of older releases have none.
 */
export const who = {
  by: Actor,
  credential: Schema.optionalKey(Credential),
  typedBy: Schema.optionalKey(Actor),
  commandId: Schema.optionalKey(Schema.String),
}

/** A command that was accepted into the mailbox of a batch, and that the batch refused when it handled it. */
export const CommandRefused = Schema.TaggedStruct("CommandRefused", {
  ...who,
  /** Milliseconds since the Unix epoch. */
  at: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** The id under which it was enqueued, which its 202 has. */
  commandId: Schema.String,
  command: Schema.Literals(personalCommands),
  /** One of the reasons in docs/SPEC.md. Any text is read: a later release may have others. */
  reason: Schema.String,
  /** The item that it is about, and the attempts of it that the reason is about. */
  item: Schema.optionalKey(ItemNumber),
  attempts: Schema.optionalKey(Schema.Array(AttemptNumber)),
})

/** A person changed when the batch may start to pay. */
export const BatchRescheduled = Schema.TaggedStruct("BatchRescheduled", {
  ...who,
  /** Milliseconds since the Unix epoch, as the new `executeAt`. */
  at: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  executeAt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
})

/** Who could have approved the batch declined to. Its items are cancelled with it. */
export const ApprovalDeclined = Schema.TaggedStruct("ApprovalDeclined", {
  ...who,
  /** Milliseconds since the Unix epoch. */
  at: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  reason: OutsideText,
  hash: Schema.String,
})
