/** The port to deliveries: what has to be delivered to which endpoint, and with which outcome. */
import { Context, type Effect, type Redacted } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublishedEvent } from "../publisher/event-message.ts"
import type { Full, Waiting } from "./shares.ts"

/** One event to deliver to one endpoint, claimed by this process for a while. */
export interface Delivery extends Waiting {
  readonly eventId: string
  readonly url: string
  /** `undefined` if its key was destroyed, or it was sealed for another endpoint or URL. Then nothing is sent. */
  readonly secret: Redacted.Redacted | undefined
  readonly body: string
  /** Attempts that failed before this one. */
  readonly attempts: number
}

export interface Claim {
  /** The most deliveries to claim, by endpoint. */
  readonly allotted: ReadonlyMap<string, number>
  /** After this time an attempt counts as lost, and the delivery is due again. Milliseconds. */
  readonly leaseMs: number
}

export interface Failure {
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined
  readonly reason: string
}

export class Deliveries extends Context.Service<
  Deliveries,
  {
    /**
     * Stores the deliveries of these events to their endpoints, in order. Does nothing for an event that is already stored.
     * An endpoint is not notified of events that were published before it was added.
     */
    readonly record: (events: ReadonlyArray<PublishedEvent>) => Effect.Effect<void, StoreUnavailable>
    /** At most `limit` endpoints that have due deliveries and are not full, the longest due first. */
    readonly waiting: (full: Full, limit: number) => Effect.Effect<ReadonlyArray<Waiting>, StoreUnavailable>
    /** Claims due deliveries, the longest due first. Only one process at a time has a claim on a delivery. */
    readonly claim: (claim: Claim) => Effect.Effect<ReadonlyArray<Delivery>, StoreUnavailable>
    readonly delivered: (delivery: Delivery, status: number) => Effect.Effect<void, StoreUnavailable>
    /** Counts the attempt, and schedules the next one in `retryInMs` milliseconds; without it, gives the delivery up. */
    readonly failed: (
      delivery: Delivery,
      failure: Failure,
      retryInMs: number | undefined,
    ) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/webhooks/Deliveries") {}
