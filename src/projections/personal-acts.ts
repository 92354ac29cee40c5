/** What people did to a batch, as its log has it: one act for each event that a person caused. */
import { refusedIn } from "../domain/cancellation-refusal.ts"
import { POLICY } from "../domain/credential.ts"
import type { BatchEvent, RecordedEvent } from "../domain/events.ts"
import { masked } from "../domain/masking.ts"
import type { personalCommands } from "../domain/personal-events.ts"

/** The names of acts, as the audit trail has them. */
export const batchActs = [
  "payout-batch.submit",
  "payout-batch.approve",
  "payout-batch.decline",
  "payout-batch.cancel",
  "payout-batch.reschedule",
  "payout-item.review",
  "payout-item.retry",
  "payout-item.resolve",
] as const
export type BatchAct = (typeof batchActs)[number]

/** An act of a person, and what came of it. */
export interface PersonalAct {
  readonly version: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly act: BatchAct
  /** What came of it, such as `released`, or `refused` for a command that came too late. */
  readonly outcome: string
  /** Absent in logs of releases that did not record credentials. */
  readonly credential: string | undefined
  /** The name under which it was done; what looks like an account number is masked. */
  readonly name: string
  /** The item, if it is about one. */
  readonly item: number | undefined
  /** How many items it is about, if it is about several. */
  readonly items: number | undefined
  readonly reason: string | undefined
  readonly command: string | undefined
}

const actOfCommand = {
  Approve: "payout-batch.approve",
  Decline: "payout-batch.decline",
  Cancel: "payout-batch.cancel",
  Review: "payout-item.review",
  Retry: "payout-item.retry",
  Resolve: "payout-item.resolve",
  Reschedule: "payout-batch.reschedule",
} as const satisfies Record<(typeof personalCommands)[number], BatchAct>

/** The act that an event of the log shows; `undefined` if no person caused it. */
export const actIn = ({ version, event }: RecordedEvent): PersonalAct | undefined => {
  const said = saidIn(event)
  if (said === undefined) return undefined
  const by = event._tag === "BatchReceived" ? event.submittedBy : "by" in event ? event.by : ""
  const credential = "credential" in event ? event.credential : undefined
  if (by === POLICY && credential === undefined) return undefined
  const { act, outcome, item, items, reason } = said
  return {
    version,
    at: event.at,
    act,
    outcome,
    credential,
    name: masked(("typedBy" in event ? event.typedBy : undefined) ?? by),
    item: item ?? (items?.length === 1 ? items[0] : undefined),
    items: items === undefined || items.length === 1 ? undefined : items.length,
    reason: reason === undefined ? undefined : masked(reason),
    command: "commandId" in event ? event.commandId : undefined,
  }
}

interface Said {
  readonly act: BatchAct
  readonly outcome: string
  readonly item?: number | undefined
  readonly items?: ReadonlyArray<number>
  readonly reason?: string
}

const saidIn = (event: BatchEvent): Said | undefined => {
  switch (event._tag) {
    case "BatchReceived":
      return { act: "payout-batch.submit", outcome: "accepted" }
    case "BatchApproved":
      return { act: "payout-batch.approve", outcome: "approved" }
    case "ApprovalDeclined":
      return { act: "payout-batch.decline", outcome: "declined", reason: event.reason }
    case "BatchRescheduled":
      return { act: "payout-batch.reschedule", outcome: new Date(event.executeAt).toISOString() }
    case "ItemsCancelled":
      return { act: "payout-batch.cancel", outcome: "cancelled", items: event.items, reason: event.reason }
    case "CancellationRefused":
      return { act: "payout-batch.cancel", outcome: "too-late", items: [...refusedIn(event)] }
    case "WithdrawalsRequested":
      return {
        act: event.cause === "resolution" ? "payout-item.resolve" : "payout-batch.cancel",
        outcome: "withdrawal-requested",
        items: event.transfers.map(({ item }) => item),
        reason: event.reason,
      }
    case "ItemReviewed":
      return {
        act: "payout-item.review",
        outcome: event.decision,
        item: event.item,
        reason: event.reason,
      }
    case "RetryRequested":
      return { act: "payout-item.retry", outcome: "requested", item: event.item }
    case "ResolutionProposed":
      return {
        act: "payout-item.resolve",
        outcome: `${event.outcome} proposed`,
        item: event.item,
        reason: event.reason,
      }
    case "ParkedResolved":
      return { act: "payout-item.resolve", outcome: event.outcome, item: event.item, reason: event.reason }
    case "CommandRefused":
      return { act: actOfCommand[event.command], outcome: "refused", item: event.item, reason: event.reason }
    default:
      return undefined
  }
}
