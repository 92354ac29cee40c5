/** The port to what has to be delivered where, and how that went. */
import { Context, type Effect, type Redacted } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublishedEvent } from "../publisher/event-message.ts"
import type { Full, Waiting } from "./shares.ts"

/** One event that one endpoint is to be told, claimed by this process for a while. */
export interface Delivery extends Waiting {
  readonly eventId: string
  readonly url: string
  /** `undefined` when it is gone for good, or was sealed for another endpoint or URL: then nothing is sent. */
  readonly secret: Redacted.Redacted | undefined
  readonly body: string
  /** Attempts that failed before this one. */
  readonly attempts: number
}

export interface Claim {
  /** How many deliveries to claim at most, by endpoint. */
  readonly allotted: ReadonlyMap<string, number>
  /** After so long an attempt counts as lost, and the delivery is due again. Milliseconds. */
  readonly leaseMs: number
}

export interface Failure {
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined
  readonly reason: string
}

export class Deliveries extends Context.Service<
  Deliveries,
  {
    /**
     * Stores what endpoints are to be told of these events, in their order. An event that is known is left alone, and an
     * endpoint is told nothing that was published before it was added.
     */
    readonly record: (events: ReadonlyArray<PublishedEvent>) => Effect.Effect<void, StoreUnavailable>
    /** Endpoints that something is due at, but for those that are full: at most `limit`, the longest due first. */
    readonly waiting: (full: Full, limit: number) => Effect.Effect<ReadonlyArray<Waiting>, StoreUnavailable>
    /** Claims deliveries that are due, the longest due first. Each is claimed by one process at a time. */
    readonly claim: (claim: Claim) => Effect.Effect<ReadonlyArray<Delivery>, StoreUnavailable>
    readonly delivered: (delivery: Delivery, status: number) => Effect.Effect<void, StoreUnavailable>
    /** Counts the attempt and sets the next one, in milliseconds from now, or gives the delivery up without one. */
    readonly failed: (
      delivery: Delivery,
      failure: Failure,
      retryInMs: number | undefined,
    ) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/webhooks/Deliveries") {}
