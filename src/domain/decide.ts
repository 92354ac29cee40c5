/**
 * Decides a command on a batch: the events that it causes, or why it is refused. It reads the batch and never changes it.
 * Without `terms`, no clearance is valid, so nothing is sent.
 */
import type { Batch } from "./batch.ts"
import type { ClearanceTerms } from "./clearance.ts"
import type { BatchCommand } from "./commands.ts"
import { decideApproval, decideDecline, decideExpiry } from "./decide-approval.ts"
import { decideCancel, decideResolve, decideRetry, decideReview } from "./decide-intervention.ts"
import { decideClose, decideReceive, decideStart } from "./decide-lifecycle.ts"
import { decideFunds, decidePosting, decidePostingBooked, decidePostingRefused } from "./decide-posting.ts"
import { decideReroute, decideUnrouted } from "./decide-routing.ts"
import { decideScreening, decideScreeningRequest } from "./decide-screening.ts"
import { decideTakeOver, decideTransferOutcome, decideTransferRequest } from "./decide-transfer.ts"
import { type Decision, refuse } from "./rejection.ts"
import { decideReschedule } from "./reschedule.ts"

export const decide = (batch: Batch, command: BatchCommand, terms: ClearanceTerms = "unknown"): Decision => {
  if (command._tag === "ReceiveBatch") return decideReceive(batch, command)
  if (batch.version === 0) return refuse(command, "no-such-batch")
  switch (command._tag) {
    case "RequestScreening":
      return decideScreeningRequest(batch, command, terms)
    case "RecordScreening":
      return decideScreening(batch, command)
    case "Review":
      return decideReview(batch, command)
    case "Approve":
      return decideApproval(batch, command)
    case "Decline":
      return decideDecline(batch, command)
    case "ExpireApproval":
      return decideExpiry(batch, command)
    case "StartExecution":
      return decideStart(batch, command, terms)
    case "Cancel":
      return decideCancel(batch, command)
    case "RequestPosting":
      return decidePosting(batch, command)
    case "RecordPosting":
      return decidePostingBooked(batch, command)
    case "RecordPostingRefusal":
      return decidePostingRefused(batch, command)
    case "FundAccount":
      return decideFunds(batch, command)
    case "RequestTransfers":
      return decideTransferRequest(batch, command, terms)
    case "RecordUnrouted":
      return decideUnrouted(batch, command)
    case "Reroute":
      return decideReroute(batch, command)
    case "RecordTransfer":
      return decideTransferOutcome(batch, command, terms)
    case "TakeOver":
      return decideTakeOver(batch, command)
    case "Retry":
      return decideRetry(batch, command)
    case "Resolve":
      return decideResolve(batch, command)
    case "Reschedule":
      return decideReschedule(batch, command)
    case "CloseBatch":
      return decideClose(batch, command)
  }
}
