/**
 * The port to replays: events that are sent to an endpoint again from the logs of batches, also those that it was never sent, because
 * it did not exist, was disabled, or JetStream has forgotten them. A replay is a row; the webhooks role works it off in steps.
 */
import { Context, type Effect, Schema } from "effect"
import type { Actor } from "../database/audit-entry.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublicEvent } from "../publisher/public-event.ts"
import type { EndpointDisabled, NoSuchEndpoint } from "./endpoints.ts"

/** The endpoint has no such replay. */
export class NoSuchReplay extends Schema.TaggedError<NoSuchReplay>()("NoSuchReplay", {}) {}

/** An endpoint has one replay at a time: `replay` is under way. */
export class ReplayUnderWay extends Schema.TaggedError<ReplayUnderWay>()("ReplayUnderWay", {
  replay: Schema.String,
}) {}

/** What to send again: a batch from one of its events on, or the events of a time of all batches. Times are epoch milliseconds. */
export type NewReplay =
  | { readonly batch: BatchId; readonly fromSequence: number }
  | { readonly since: number; readonly until?: number | undefined }

/** `stopped`: it ended before all was sent; `reason` says why. */
export const replayStates = ["running", "done", "stopped"] as const
export type ReplayState = (typeof replayStates)[number]

export interface Replay {
  /** `wr_` and 32 hexadecimal digits. */
  readonly id: string
  readonly endpoint: string
  readonly batch: BatchId | undefined
  readonly fromSequence: number | undefined
  readonly since: Date | undefined
  readonly until: Date | undefined
  readonly state: ReplayState
  readonly reason: string | undefined
  /** Batches that were read to their end, and events that were sent, so far. */
  readonly batches: number
  readonly events: number
  readonly createdAt: Date
  readonly endedAt: Date | undefined
}

/** How far a replay has come: in a batch, or behind it. */
export interface ReplayPlace {
  readonly batch: BatchId
  /** When the batch was received, as the store writes times. Absent for a replay of one batch. */
  readonly receivedAt: string | undefined
  /** The last event that was looked at; `undefined` behind the batch. */
  readonly sequence: number | undefined
}

/** A replay that this process works off. */
export interface ClaimedReplay extends Replay {
  readonly partner: PartnerId
  /** The event types that the endpoint is notified of; all if absent. */
  readonly eventTypes: ReadonlyArray<string> | undefined
  readonly place: ReplayPlace | undefined
  /** Until when the claim holds, as the store writes times. */
  readonly claimedUntil: string
}

/** A batch of the partner, as the read model has it. */
export interface ReplayedBatch {
  readonly id: BatchId
  readonly receivedAt: string
  /** Of its last change, epoch milliseconds. */
  readonly receivedAtMs: number
  readonly updatedAtMs: number
}

export class Replays extends Context.Service<
  Replays,
  {
    /** Begins a replay. The audit trail has who did it. A time without an end ends now. */
    readonly start: (
      partner: PartnerId,
      endpoint: string,
      replay: NewReplay,
      by: Actor,
    ) => Effect.Effect<Replay, EndpointDisabled | NoSuchEndpoint | ReplayUnderWay | StoreUnavailable>
    readonly show: (
      partner: PartnerId,
      endpoint: string,
      id: string,
    ) => Effect.Effect<Replay, NoSuchReplay | StoreUnavailable>
    /** The last {@link REPLAYS_KEPT_MAX} of an endpoint, the newest first. */
    readonly list: (
      partner: PartnerId,
      endpoint: string,
    ) => Effect.Effect<ReadonlyArray<Replay>, NoSuchEndpoint | StoreUnavailable>
    /** Claims a replay that no living process works off, for `leaseMs`. */
    readonly claim: (leaseMs: number) => Effect.Effect<ClaimedReplay | undefined, StoreUnavailable>
    /** At most `limit` batches of the partner behind a place, the oldest first. */
    readonly batchesAfter: (
      partner: PartnerId,
      place: ReplayPlace | undefined,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<ReplayedBatch>, StoreUnavailable>
    /**
     * Stores deliveries of these events to the replay's endpoint, has those sent again that ended, and moves the replay to a place, all
     * in one transaction. A pending delivery stays as it is. Gives the replay as it goes on; `undefined` if it is another's by now.
     */
    readonly send: (
      replay: ClaimedReplay,
      events: ReadonlyArray<PublicEvent>,
      place: ReplayPlace,
      leaseMs: number,
    ) => Effect.Effect<ClaimedReplay | undefined, EndpointDisabled | StoreUnavailable>
    /**
     * Renews the claim of a replay that reads for long and sends nothing, and moves it to a place, if one is given. Gives the replay as
     * `send` does.
     */
    readonly keep: (
      replay: ClaimedReplay,
      place: ReplayPlace | undefined,
      leaseMs: number,
    ) => Effect.Effect<ClaimedReplay | undefined, StoreUnavailable>
    /** Ends a replay that this process has claimed: `done` without a reason. */
    readonly end: (replay: ClaimedReplay, reason?: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/webhooks/Replays") {}

export const REPLAYS_KEPT_MAX = 100
/** The greatest sequence that a replay can be asked to begin at. */
export const SEQUENCE_MAX = 9_999_999_999
/** What one replay sends and reads at most. */
export const EVENTS_PER_REPLAY_MAX = 100_000
export const BATCHES_PER_REPLAY_MAX = 10_000
