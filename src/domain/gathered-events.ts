/**
 * Events that say the same of several transfers. A turn often records fifty reports of banks at once: as one event they cost one
 * entry of the log, one hash and one decoding.
 */
import type { BatchEvent, BatchEventOf } from "./events.ts"

/** An event that stands for several single ones, each about another item. */
export type GatheredEvent = BatchEventOf<"TransfersAccepted" | "TransfersSettled">

/** An event that stands for itself. */
export type SingleEvent = Exclude<BatchEvent, GatheredEvent>

/** The events that an event stands for, in their order: itself alone, unless it is gathered. */
export const singleEvents = (event: BatchEvent): ReadonlyArray<SingleEvent> => {
  switch (event._tag) {
    case "TransfersAccepted":
      return acceptedIn(event)
    case "TransfersSettled":
      return settledIn(event)
    default:
      return [event]
  }
}

const acceptedIn = ({
  transfers,
}: BatchEventOf<"TransfersAccepted">): ReadonlyArray<BatchEventOf<"TransferAccepted">> =>
  transfers.map(({ item, attempt, at, transferId, inquireAt }) => ({
    _tag: "TransferAccepted",
    at,
    item,
    attempt,
    transferId,
    inquireAt,
  }))

/** The settlements for which a gathered one stands. */
export const settledIn = ({
  evidence,
  transfers,
}: BatchEventOf<"TransfersSettled">): ReadonlyArray<BatchEventOf<"TransferSettled">> =>
  transfers.map(({ item, attempt, at }) => ({ _tag: "TransferSettled", at, item, attempt, evidence }))

/** For how many single events an event stands: what it costs to fold, and what there is to show and to publish of it. */
export const singleCount = (event: BatchEvent): number => (isGathered(event) ? event.transfers.length : 1)

/** Whether an event stands for several single ones. */
export const isGathered = (event: BatchEvent): event is GatheredEvent =>
  event._tag === "TransfersAccepted" || event._tag === "TransfersSettled"
