/**
 * Approval by a second person: the approver has another credential than the submitter, and approves exactly the submitted
 * batch, in time. Names are not compared, because the holder of one key can type any name.
 */
import { type Batch, isAwaitingApproval } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { isOperator } from "./credential.ts"
import { cancelTheRest, whoGave } from "./decide-intervention.ts"
import { type Decision, events, nothing, type RejectionReason, refuse } from "./rejection.ts"

/** Why an approval, or its refusal, does not count; `undefined` if it does. */
const refusalOf = (
  batch: Batch,
  { at, credential, hash }: BatchCommandOf<"Approve" | "Decline">,
): RejectionReason | undefined => {
  const { approval } = batch
  if (approval === undefined || batch.closed !== undefined) return "approval-not-needed"
  if (approval.approvedBy !== undefined) return "already-approved"
  if (approval.declined) return "approval-declined"
  if (approval.expired || at >= approval.expiresAt) return "approval-expired"
  if (credential === undefined) return "approver-unknown"
  if (credential === batch.credential) return "approver-is-submitter"
  // Old logs do not record the submitter's credential. Operators never submit, so only they may approve such a batch.
  if (batch.credential === undefined && !isOperator(credential)) return "submitter-unknown"
  return hash === approval.hash ? undefined : "hash-differs"
}

/** Approves the batch, or refuses the approval with its reason. */
export const decideApproval = (batch: Batch, command: BatchCommandOf<"Approve">): Decision => {
  const refused = refusalOf(batch, command)
  if (refused !== undefined) return refuse(command, refused)
  return events({ _tag: "BatchApproved", at: command.at, ...whoGave(command), hash: command.hash })
}

/** Declines to approve: the batch is cancelled. It counts from who could have approved it; the submitter can cancel. */
export const decideDecline = (batch: Batch, command: BatchCommandOf<"Decline">): Decision => {
  const refused = refusalOf(batch, command)
  if (refused !== undefined) return refuse(command, refused)
  const { at, hash, reason } = command
  return events(
    { _tag: "ApprovalDeclined", at, ...whoGave(command), reason, hash },
    ...cancelTheRest(batch, at, "the approval was declined", new Set()),
  )
}

/** If the approval does not come in time, the batch is cancelled. */
export const decideExpiry = (batch: Batch, command: BatchCommandOf<"ExpireApproval">): Decision => {
  const { approval } = batch
  if (approval === undefined || !isAwaitingApproval(batch)) return nothing
  if (command.at < approval.expiresAt) return refuse(command, "not-due")
  return events(
    { _tag: "ApprovalExpired", at: command.at },
    ...cancelTheRest(batch, command.at, "the approval expired", new Set()),
  )
}
