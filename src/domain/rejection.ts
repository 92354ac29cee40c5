import { Result } from "effect"
import type { BatchCommand } from "./commands.ts"
import type { BatchEvent } from "./events.ts"

/** Why a batch refuses a command. SPEC.md lists the reasons. Refusals of people's commands are recorded: see answer-command.ts. */
export type RejectionReason =
  | "no-such-batch"
  | "batch-exists"
  | "items-misnumbered"
  | "items-unsealed"
  | "no-such-item"
  | "no-such-clearance"
  | "clearance-withdrawn"
  | "no-such-attempt"
  | "other-bank"
  | "other-amount"
  | "bank-not-next"
  | "not-due"
  | "not-started"
  | "already-started"
  | "not-scheduled"
  | "not-held"
  | "findings-differ"
  | "clearance-not-current"
  | "changed-since"
  | "not-failed"
  | "cancelled"
  | "not-parked"
  | "approval-not-needed"
  | "already-approved"
  | "approval-expired"
  | "approval-declined"
  | "approver-is-submitter"
  | "approver-unknown"
  | "submitter-unknown"
  | "operator-needed"
  | "decider-is-submitter"
  | "second-operator-needed"
  | "evidence-needed"
  | "hash-differs"
  | "attempts-exhausted"
  | "items-open"
  | "attempt-not-last"
  | "attempt-not-named"
  | "attempt-not-in-question"
  | "attempt-open"
  | "withdrawal-open"
  | "batch-closed"
  | "nothing-to-cancel"
  | "changes-nothing"

export interface Rejection {
  readonly _tag: "Rejection"
  readonly command: BatchCommand["_tag"]
  readonly reason: RejectionReason
  readonly item?: number
  /** The attempts of the item that prevent the command, or that it may be about. */
  readonly attempts?: ReadonlyArray<number>
}

/**
 * The events that a command causes, or why it is refused. No events means that the command changes nothing, such as a
 * duplicate callback or an answer that was overtaken; it counts as handled.
 */
export type Decision = Result.Result<ReadonlyArray<BatchEvent>, Rejection>

/** Accepts a command that changes nothing. */
export const nothing: Decision = Result.succeed([])

/** Accepts a command with these events. */
export const events = (...happened: ReadonlyArray<BatchEvent>): Decision => Result.succeed(happened)

/** Refuses a command, about an item and its attempts if the reason is about them. */
export const refuse = (
  command: BatchCommand,
  reason: RejectionReason,
  item?: number,
  attempts?: ReadonlyArray<number>,
): Decision =>
  Result.fail({
    _tag: "Rejection",
    command: command._tag,
    reason,
    ...(item === undefined ? {} : { item }),
    ...(attempts === undefined ? {} : { attempts }),
  })
