/** Folds what the opening event says into the batch. */
import type { Batch } from "./batch.ts"
import type { BatchEventOf } from "./events.ts"

/** Takes the terms of the batch from its opening event, in place. */
export const begin = (batch: Batch, event: BatchEventOf<"BatchReceived">): Batch => {
  batch.partner = event.partner
  batch.idempotencyKey = event.idempotencyKey
  batch.requestDigest = event.requestDigest
  batch.reference = event.reference
  batch.mode = event.mode
  batch.submittedBy = event.submittedBy
  batch.credential = event.credential
  batch.executeAt = event.executeAt
  batch.duplicates = event.duplicates
  batch.trace = event.trace
  batch.rejectedRows = event.rejectedRows?.count
  batch.terms = event.terms
  batch.approval =
    event.approval === undefined
      ? undefined
      : { ...event.approval, approvedBy: undefined, expired: false, declined: false }
  batch.attemptsMax = event.attemptsMax
  batch.payeePolicy = event.payeePolicy ?? "off"
  batch.itemCount = event.itemCount
  batch.receivedAt = event.at
  return batch
}
