/** Which events of a log a proof about an item has, and which of their texts a partner gets. */
import type { BatchEvent } from "../domain/events.ts"

/**
 * Finds the events of a log that are about an item, from its first event on: those that name it, the postings that it is part of, and
 * what the whole batch begins and ends with.
 */
export class ItemEvents {
  readonly #item: number
  readonly #postings = new Set<number>()

  constructor(item: number) {
    this.#item = item
  }

  /** Whether the next event is about the item. */
  isAbout(event: BatchEvent): boolean {
    const isOurs = (item: number) => item === this.#item
    switch (event._tag) {
      case "BatchReceived":
      case "BatchApproved":
      case "ApprovalExpired":
      case "ApprovalDeclined":
      case "ExecutionStarted":
      case "BatchClosed":
        return true
      case "BatchRescheduled":
      case "FundsArrived":
        return false
      case "ItemsReceived":
        return event.items.some(({ item }) => isOurs(item))
      case "ScreeningRequested":
      case "ClearancePending":
      case "ItemsCancelled":
      case "ItemsUnrouted":
        return event.items.some(isOurs)
      case "ItemsScreened":
      case "ClearanceWithdrawn":
        return event.decisions.some(({ item }) => isOurs(item))
      case "TransfersRequested":
      case "TransfersAccepted":
      case "TransfersSettled":
      case "WithdrawalsRequested":
        return event.transfers.some(({ item }) => isOurs(item))
      case "PostingRequested":
        if (!event.items.some(isOurs)) return false
        this.#postings.add(event.posting)
        return true
      case "PostingBooked":
      case "PostingRefused":
        return this.#postings.has(event.posting)
      case "CancellationRefused":
        return (
          (event.items ?? []).some(({ item }) => isOurs(item)) ||
          (event.ranges ?? []).some(({ from, to }) => from <= this.#item && this.#item <= to)
        )
      case "CommandRefused":
        return event.item !== undefined && isOurs(event.item)
      default:
        return isOurs(event.item)
    }
  }
}

/**
 * Whether a partner gets the text of an event. What people, the compliance engine and the policies wrote stays with the operator: of it a
 * proof has the hash alone. What a bank said of a payment is the partner's.
 */
const forPartners: Readonly<Record<BatchEvent["_tag"], boolean>> = {
  BatchReceived: true,
  ItemsReceived: true,
  ScreeningRequested: true,
  ItemsScreened: false,
  ClearancePending: false,
  ClearanceWithdrawn: false,
  ItemReviewed: false,
  BatchApproved: false,
  ApprovalExpired: true,
  ApprovalDeclined: false,
  ExecutionStarted: true,
  ItemsCancelled: false,
  CancellationRefused: false,
  CommandRefused: false,
  BatchRescheduled: false,
  PostingRequested: true,
  PostingBooked: true,
  PostingRefused: true,
  FundsArrived: true,
  TransfersRequested: true,
  TransferResent: true,
  TransferAccepted: true,
  TransfersAccepted: true,
  TransferUnknown: true,
  TransferSettled: true,
  TransfersSettled: true,
  TransferFailed: true,
  TransferReturned: true,
  TransferParked: true,
  WithdrawalsRequested: false,
  TransferWithdrawn: true,
  WithdrawalRefused: true,
  LateOutcomeDetected: true,
  ResolutionProposed: false,
  ParkedResolved: false,
  RetryRequested: false,
  RerouteRequested: true,
  ItemsUnrouted: true,
  BatchClosed: true,
}

/** Whether a partner gets the text of an event; else a proof for partners has its hash. */
export const isForPartners = (event: BatchEvent): boolean => forPartners[event._tag]
