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
  /** What signs besides: the secret that is being replaced, and keys for asymmetric signatures. As they were at the claim. */
  readonly besides?: ReadonlyArray<Redacted.Redacted>
  readonly body: string
  /** Attempts that ended before this one. */
  readonly attempts: number
  /** Those of them from before the delivery was resent; none if absent. */
  readonly attemptsBefore?: number
  /** When it was due before it was claimed, and until when the claim holds, as the store writes times. */
  readonly dueAt: string
  readonly claimedUntil: string
  /** Whether the endpoint was failing when this was claimed: if it arrives, that is over. */
  readonly failing?: boolean
  /** The batch, if the endpoint gets its events in order: then one delivery of it is sent at a time. */
  readonly batch?: string
  /** It was claimed as a test of an endpoint that gets no other deliveries. */
  readonly isTest?: boolean
}

/** What identifies an attempt that a delivery is claimed for. */
export type AttemptOf = Pick<Delivery, "eventId" | "endpoint" | "attempts">

/** How an attempt ended. */
export interface Ended {
  /** When it began, in epoch milliseconds by this process' clock. */
  readonly at: number
  readonly durationMs: number
  /** The beginning of the answer's body, cleaned (see answer-text.ts). */
  readonly answer: string | undefined
}

/** A delivery that arrived, with the HTTP status of the answer. */
export interface Arrived extends AttemptOf, Ended {
  readonly status: number
}

/** What may be claimed together with its storing, so that it need not be looked for. */
export interface ClaimAhead {
  /** The most deliveries by endpoint. Endpoints that are not in it get none. */
  readonly rooms: ReadonlyMap<string, number>
  readonly leaseMs: number
}

export interface Stored {
  /** Those that are claimed, in the order of their events. */
  readonly claimed: ReadonlyArray<Delivery>
  /** Whether others may be due and are claimed by nobody. */
  readonly othersAreDue: boolean
}

export interface Claim {
  /** The most deliveries to claim, by endpoint. */
  readonly allotted: ReadonlyMap<string, number>
  /** After this time an attempt counts as lost, and the delivery is due again. Milliseconds. */
  readonly leaseMs: number
}

/** An endpoint that is ordered or has a limit of its rate, and what may be claimed for it. */
export interface PacedEndpoint {
  readonly endpoint: string
  readonly ordered: boolean
  readonly limited: boolean
  /** The most deliveries to claim. */
  readonly most: number
  /** The most of one batch, which are sent one after the other. */
  readonly run: number
}

export interface PacedClaim {
  readonly claimed: ReadonlyArray<Delivery>
  /** After how many milliseconds the limit of an endpoint lets another attempt begin; none if it does now. */
  readonly readyInMs: ReadonlyMap<string, number>
}

export interface Failure extends Ended {
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined
  readonly reason: string
}

/** A batch of which a later event has come, and an earlier one has not. */
export interface BatchGap {
  readonly batch: string
  /** The sequence behind the last event that has come. */
  readonly end: number
}

export class Deliveries extends Context.Service<
  Deliveries,
  {
    /**
     * Stores the deliveries of these events to their endpoints, in order. Does nothing for an event that is already stored.
     * An endpoint is not notified of events that were published before it was added. With `ahead`, claims new deliveries of
     * endpoints that have nothing due, so that none overtakes an earlier one that nobody has claimed. Leaves out events that
     * are older than deliveries are kept: whether they were delivered is not known any more. A replay sends them.
     */
    readonly record: (
      events: ReadonlyArray<PublishedEvent>,
      ahead?: ClaimAhead,
    ) => Effect.Effect<Stored, StoreUnavailable>
    /** At most `limit` endpoints that have due deliveries and are not full, the longest due first. */
    readonly waiting: (full: Full, limit: number) => Effect.Effect<ReadonlyArray<Waiting>, StoreUnavailable>
    /** Claims due deliveries, the longest due first. Only one process at a time has a claim on a delivery. */
    readonly claim: (claim: Claim) => Effect.Effect<ReadonlyArray<Delivery>, StoreUnavailable>
    /** Claims tests of endpoints that get no other deliveries, at most so many, each only once. */
    readonly claimTests: (
      most: number,
      leaseMs: number,
    ) => Effect.Effect<ReadonlyArray<Delivery>, StoreUnavailable>
    /** Claims as `claim` does, for endpoints that are ordered or have a limit: their events in order, and no more than begin now. */
    readonly claimPaced: (
      endpoints: ReadonlyArray<PacedEndpoint>,
      leaseMs: number,
    ) => Effect.Effect<PacedClaim, StoreUnavailable>
    /** Those of these endpoints for which no attempt may begin now: paused, disabled, removed, or held. */
    readonly halted: (
      endpoints: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
    /**
     * Holds an endpoint back for so many milliseconds, in all processes. It does not shorten a hold. With a URL, only if the endpoint
     * still has it: the answer of another one says nothing of it.
     */
    readonly hold: (endpoint: string, forMs: number, url?: string) => Effect.Effect<void, StoreUnavailable>
    /** Batches of partners with an ordered endpoint that lack an event which may still come. */
    readonly gaps: Effect.Effect<ReadonlyArray<BatchGap>, StoreUnavailable>
    /** No delivery waits any more for an event in these gaps. */
    readonly closeGaps: (gaps: ReadonlyArray<BatchGap>) => Effect.Effect<void, StoreUnavailable>
    /** Forgets which events have come of batches that had none for so long, some thousands at most. */
    readonly forgetBatches: (olderThanMs: number) => Effect.Effect<void, StoreUnavailable>
    /** Gives up claims on deliveries that were not attempted. They are due as before, tests as tests, unless the claim has run out. */
    readonly release: (deliveries: ReadonlyArray<Delivery>) => Effect.Effect<void, StoreUnavailable>
    /** Records attempts that arrived. One from before a resend changes nothing, since it says nothing of what was asked for then. */
    readonly delivered: (arrived: ReadonlyArray<Arrived>) => Effect.Effect<void, StoreUnavailable>
    /** Counts the attempt, and schedules the next one in `retryInMs` milliseconds; without it, gives the delivery up. */
    readonly failed: (
      attempt: AttemptOf,
      failure: Failure,
      retryInMs: number | undefined,
    ) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/webhooks/Deliveries") {}
