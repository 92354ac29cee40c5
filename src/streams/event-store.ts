/**
 * The port to the logs of batches. The append is the only commit; read models, messages and webhooks follow the feed. Only
 * the owner of a batch appends.
 */
import { Context, type Effect, type Result, Schema } from "effect"
import type { BatchEvent, RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Admitted, Ownership, OwnershipLost } from "./run-queue.ts"

/** An entry that cannot be read. Its batch stops and is reported; other batches continue. */
export class CorruptEntry extends Schema.TaggedError<CorruptEntry>()("CorruptEntry", {
  batch: Schema.String,
  entry: Schema.String,
  reason: Schema.String,
}) {}

/** An event as it is logged. `hash` is the link of the hash chain at this event (see hash-chain.ts). */
export interface LoggedEvent extends RecordedEvent {
  readonly hash: string
  /** The event as it stands in the log. Absent if it was not read from one. */
  readonly text?: string
}

/** Events of a log: those after version `after` up to `to`, which follow from `head`, if given. */
export interface EventRange {
  readonly batch: BatchId
  readonly after: number
  readonly to: number
  readonly head: string | undefined
  /** The hash of event `to`, where the feed says it. The reader compares it; a store reads what is in the log. */
  readonly end?: string | undefined
}

export interface Append {
  /** The version that the worker read, and its hash. The append fails if the log's tail is not this version. */
  readonly expectedVersion: number
  readonly head: string
  readonly events: ReadonlyArray<BatchEvent>
  /** Ids of the mail that these events answer. It is deleted in the same step. */
  readonly handled: ReadonlyArray<string>
  /** Unique per append. A retry with the same id succeeds without appending again. */
  readonly commandId: string
  /** Whether the batch is still open. Closed batches leave the set of open batches. */
  readonly open: boolean
  /**
   * Releases the batch in the same step until `wakeAt` (epoch milliseconds), as `release` of the run queue does. If other mail
   * is waiting, the worker still owns the batch. Only with events, by which a retry is recognised.
   */
  readonly release?: { readonly wakeAt: number | undefined; readonly admitted?: Admitted } | undefined
}

/** The name of a batch that was reserved: when, and what the time is now, both in epoch milliseconds by the store's clock. */
export interface Reserved {
  readonly _tag: "Reserved"
  readonly at: number
  readonly now: number
}

/** A batch that there is already. */
export interface Exists {
  readonly _tag: "Exists"
  readonly first: BatchEvent
}

/** The step that opens a batch whose first events are written, until `openBy`. */
export type OpenStep = (
  openBy?: number,
) => Effect.Effect<{ readonly _tag: "Opened" } | Exists | Reserved, StoreUnavailable | CorruptEntry>

/** Each write is one atomic step over the log, the mailbox, the run queue and the feed. */
export class EventStore extends Context.Service<
  EventStore,
  {
    /**
     * Creates the log with its first events and schedules the batch. If the log exists, gives its first event: the log is
     * the permanent idempotency record. All events are logged or none, however many there are. Resolves once the log is on
     * as many replicas as are configured. After `openBy`,
     * epoch milliseconds by the clock of the store, nothing is opened, however late the step arrives; nor while the name
     * of the batch is reserved.
     */
    readonly open: (
      batch: BatchId,
      events: ReadonlyArray<BatchEvent>,
      commandId: string,
      openBy?: number,
    ) => ReturnType<OpenStep>
    /**
     * The same in two steps. Writes the first events as they will be logged, and gives the step that opens the batch, which knows
     * nothing of the events any more: of many batches that are opened at a time, the garbage collector would copy all of them.
     */
    readonly prepare: (
      batch: BatchId,
      events: ReadonlyArray<BatchEvent>,
      commandId: string,
    ) => Effect.Effect<OpenStep, StoreUnavailable>
    /**
     * Reserves the name of a batch that does not exist, so that nobody opens it, or renews the reservation. Gives when, in epoch
     * milliseconds by the store's clock, or the first event of the batch if it exists. Two batches can be in different
     * partitions, so no step can open one unless there is the other; this is the first of two steps that can.
     */
    readonly reserve: (
      batch: BatchId,
    ) => Effect.Effect<
      { readonly _tag: "Reserved"; readonly at: number } | Exists,
      StoreUnavailable | CorruptEntry
    >
    /** Cancels a reservation that was made at `at`, unless it was renewed since. */
    readonly cancelReservation: (batch: BatchId, at: number) => Effect.Effect<void, StoreUnavailable>
    /**
     * Appends events and deletes the mail that they answer. Gives the new tail, how much mail is waiting, and whether the
     * batch was released.
     */
    readonly append: (
      owned: Ownership,
      append: Append,
    ) => Effect.Effect<
      {
        readonly version: number
        readonly head: string
        readonly mailWaiting: number
        readonly isReleased: boolean
      },
      OwnershipLost | StoreUnavailable
    >
    /**
     * Resolves once the log of a batch, up to a version with this hash, is on as many replicas as are configured; at once if
     * none are. Fails with {@link OwnershipLost} if a failover lost that version.
     */
    readonly replicated: (
      batch: BatchId,
      version: number,
      head: string,
    ) => Effect.Effect<void, OwnershipLost | StoreUnavailable>
    /** At most `limit` events after a version, in order. With that version's hash as `head`, their chain is verified. */
    readonly read: (
      batch: BatchId,
      after: number,
      limit: number,
      head?: string,
    ) => Effect.Effect<ReadonlyArray<LoggedEvent>, CorruptEntry | StoreUnavailable>
    /**
     * Reads several short ranges in one round trip. Gives the events of each in order, verified from its `head`. A log may
     * end before the end of a range.
     */
    readonly readRanges: (
      ranges: ReadonlyArray<EventRange>,
    ) => Effect.Effect<
      ReadonlyArray<Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>>,
      StoreUnavailable
    >
  }
>()("atlaspay/streams/EventStore") {}
