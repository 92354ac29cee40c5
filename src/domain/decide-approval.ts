/**
 * Approval by a second person: the approver has another credential than the submitter, and approves exactly the submitted
 * batch, in time. Names are not compared, because the holder of one key can type any name.
 */
import { type Batch, isAwaitingApproval } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { isOperator } from "./credential.ts"
import { cancelTheRest } from "./decide-intervention.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"

/** Approves the batch, or refuses the approval with its reason. */
export const decideApproval = (batch: Batch, command: BatchCommandOf<"Approve">): Decision => {
  const { at, by, credential, typedBy, hash } = command
  const { approval } = batch
  if (approval === undefined || batch.closed !== undefined) return refuse(command, "approval-not-needed")
  if (approval.approvedBy !== undefined) return refuse(command, "already-approved")
  if (approval.expired || at >= approval.expiresAt) return refuse(command, "approval-expired")
  if (credential === undefined) return refuse(command, "approver-unknown")
  if (credential === batch.credential) return refuse(command, "approver-is-submitter")
  // Old logs do not record the submitter's credential. Operators never submit, so only they may approve such a batch.
  if (batch.credential === undefined && !isOperator(credential)) return refuse(command, "submitter-unknown")
  if (hash !== approval.hash) return refuse(command, "hash-differs")
  return events({
    _tag: "BatchApproved",
    at,
    by,
    credential,
    ...(typedBy === undefined ? {} : { typedBy }),
    hash,
  })
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
