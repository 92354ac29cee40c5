/** A fold of its own, for money only: which attempts settled or were returned, and which postings were requested. */
import type { BatchEvent, PostingKind } from "../domain/events.ts"
import { type SingleEvent, singleEvents } from "../domain/gathered-events.ts"

/** Times are milliseconds since the Unix epoch. */
export interface LoggedAttempt {
  readonly attempt: number
  readonly bank: string
  readonly reference: string
  settledAt: number | undefined
  returnedAt: number | undefined
}

export interface LoggedItem {
  readonly item: number
  readonly currency: string
  readonly minor: bigint
  readonly attempts: Array<LoggedAttempt>
  /** How many postings of each kind were ever requested for it. */
  readonly requested: Map<PostingKind, number>
}

export interface LoggedBatch {
  partner: string
  readonly items: Map<number, LoggedItem>
}

/** The batch before its first event. */
export const emptyLoggedBatch = (): LoggedBatch => ({ partner: "", items: new Map() })

/** Folds one event into the batch, in place. Throws if it is about an item or attempt that the log does not have. */
export const note = (batch: LoggedBatch, event: BatchEvent): void => {
  for (const single of singleEvents(event)) noteSingle(batch, single)
}

const noteSingle = (batch: LoggedBatch, event: SingleEvent): void => {
  switch (event._tag) {
    case "BatchReceived":
      batch.partner = event.partner
      return
    case "ItemsReceived":
      for (const { item, currency, minor } of event.items)
        batch.items.set(item, { item, currency, minor, attempts: [], requested: new Map() })
      return
    case "PostingRequested":
      for (const item of event.items) {
        const { requested } = itemOf(batch, item)
        requested.set(event.kind, (requested.get(event.kind) ?? 0) + 1)
      }
      return
    case "TransfersRequested":
      for (const { item, attempt, bank, reference } of event.transfers)
        itemOf(batch, item).attempts.push({
          attempt,
          bank,
          reference,
          settledAt: undefined,
          returnedAt: undefined,
        })
      return
    case "TransferSettled":
      attemptOf(batch, event).settledAt = event.at
      return
    case "TransferReturned":
      attemptOf(batch, event).returnedAt = event.at
      return
    case "LateOutcomeDetected":
      // If a person has to decide, the bank's report alone settles nothing.
      if (event.compensation === "repost") attemptOf(batch, event).settledAt = event.at
      return
    case "ParkedResolved":
      attemptOf(batch, event).settledAt = event.outcome === "settled" ? event.at : undefined
      return
  }
}

const itemOf = ({ items }: LoggedBatch, number: number): LoggedItem => {
  const item = items.get(number)
  if (item === undefined) throw new Error(`item ${number} is not in the batch: the log is not legal`)
  return item
}

const attemptOf = (batch: LoggedBatch, about: { readonly item: number; readonly attempt: number }) => {
  const found = itemOf(batch, about.item).attempts.find(({ attempt }) => attempt === about.attempt)
  if (found === undefined)
    throw new Error(`item ${about.item} has no attempt ${about.attempt}: the log is not legal`)
  return found
}
