/** The change of a batch's `executeAt`, before it starts to pay. */
import type { Batch } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { whoGave } from "./decide-intervention.ts"
import type { BatchEventOf } from "./events.ts"
import { type Decision, events, refuse } from "./rejection.ts"

/**
 * Changes when a scheduled batch may start to pay. Where a second person has to approve the batch, the submitter alone does not
 * decide when it is paid, neither before the approval nor after it.
 */
export const decideReschedule = (batch: Batch, command: BatchCommandOf<"Reschedule">): Decision => {
  const { at, executeAt, credential } = command
  if (batch.closed !== undefined) return refuse(command, "batch-closed")
  if (batch.startedAt !== undefined) return refuse(command, "already-started")
  if (batch.executeAt === undefined) return refuse(command, "not-scheduled")
  if (batch.approval !== undefined && (credential === undefined || credential === batch.credential))
    return refuse(command, "decider-is-submitter")
  if (batch.executeAt === executeAt) return refuse(command, "changes-nothing")
  return events({ _tag: "BatchRescheduled", at, executeAt, ...whoGave(command) })
}

/** Folds the change into the batch, in place. */
export const rescheduled = (batch: Batch, { executeAt }: BatchEventOf<"BatchRescheduled">): Batch => {
  batch.executeAt = executeAt
  return batch
}
