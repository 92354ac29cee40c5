/** Four eyes: the approver is not the submitter, and approves exactly the batch that was submitted, in time. */
import { type Batch, isAwaitingApproval } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { cancelTheRest } from "./decide-intervention.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"

export const decideApproval = (batch: Batch, command: BatchCommandOf<"Approve">): Decision => {
  const { at, by, hash } = command
  const { approval } = batch
  if (approval === undefined || batch.closed !== undefined) return refuse(command, "approval-not-needed")
  if (approval.approvedBy !== undefined) return refuse(command, "already-approved")
  if (approval.expired || at >= approval.expiresAt) return refuse(command, "approval-expired")
  if (by.toLowerCase() === batch.submittedBy.toLowerCase()) return refuse(command, "approver-is-submitter")
  if (hash !== approval.hash) return refuse(command, "hash-differs")
  return events({ _tag: "BatchApproved", at, by, hash })
}

/** An approval that did not come in time cancels the batch. */
export const decideExpiry = (batch: Batch, command: BatchCommandOf<"ExpireApproval">): Decision => {
  const { approval } = batch
  if (approval === undefined || !isAwaitingApproval(batch)) return nothing
  if (command.at < approval.expiresAt) return refuse(command, "not-due")
  return events(
    { _tag: "ApprovalExpired", at: command.at },
    ...cancelTheRest(batch, command.at, "the approval expired", new Set()),
  )
}
