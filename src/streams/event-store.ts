/**
 * The port to the logs of batches. The append is the only commit: what follows (read models, messages, webhooks) follows
 * the feed. Only the owner of a batch appends.
 */
import { Context, type Effect, Schema } from "effect"
import type { BatchEvent, RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Ownership, OwnershipLost } from "./run-queue.ts"

/** An entry that cannot be read: the batch stops and is reported, others go on. */
export class CorruptEntry extends Schema.TaggedError<CorruptEntry>()("CorruptEntry", {
  batch: Schema.String,
  entry: Schema.String,
  reason: Schema.String,
}) {}

/** An event as the log holds it: `hash` is the link of the chain that ends with it (see hash-chain.ts). */
export interface LoggedEvent extends RecordedEvent {
  readonly hash: string
}

export interface Append {
  /** The version that the worker read, and its hash; the append fails if the log's tail is another. */
  readonly expectedVersion: number
  readonly head: string
  readonly events: ReadonlyArray<BatchEvent>
  /** Ids of the mail that these events answer; it is deleted in the same step. */
  readonly handled: ReadonlyArray<string>
  /** Unique per append. A retry with the same id is answered as done. */
  readonly commandId: string
  /** Whether the batch still has something to do: closed batches leave the set of open ones. */
  readonly open: boolean
}

/** Each method is one atomic step, over the log, the mailbox, the run queue and the feed. */
export class EventStore extends Context.Service<
  EventStore,
  {
    /**
     * Creates the log with its first events and schedules the batch, or answers with the first event of the log
     * that is already there: the log is the idempotency record, for ever. However many events it takes, the batch
     * is there with all of them or not at all. What was opened is on as many replicas as are asked for. After
     * `openBy`, epoch milliseconds by the store's clock, nothing is opened, however late the step arrives.
     */
    readonly open: (
      batch: BatchId,
      events: ReadonlyArray<BatchEvent>,
      commandId: string,
      openBy?: number,
    ) => Effect.Effect<
      { readonly _tag: "Opened" } | { readonly _tag: "Exists"; readonly first: BatchEvent },
      StoreUnavailable | CorruptEntry
    >
    /** Appends events and deletes the mail that they answer; returns the new tail and how much mail is waiting. */
    readonly append: (
      owned: Ownership,
      append: Append,
    ) => Effect.Effect<
      { readonly version: number; readonly head: string; readonly mailWaiting: number },
      OwnershipLost | StoreUnavailable
    >
    /**
     * Resolves once the log of a batch, up to a version with its hash, is on as many replicas as are asked for; at once
     * when that is none. Fails with {@link OwnershipLost} when a failover took that version back.
     */
    readonly replicated: (
      batch: BatchId,
      version: number,
      head: string,
    ) => Effect.Effect<void, OwnershipLost | StoreUnavailable>
    /** Events after a version, in order, at most `limit`. With the hash of that version, their chain is verified. */
    readonly read: (
      batch: BatchId,
      after: number,
      limit: number,
      head?: string,
    ) => Effect.Effect<ReadonlyArray<LoggedEvent>, CorruptEntry | StoreUnavailable>
  }
>()("atlaspay/streams/EventStore") {}
