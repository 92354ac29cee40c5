/**
 * The port to everything that is remembered: per batch a log and a mailbox; per partition a run queue, timers, the
 * set of open batches, and a feed of what was appended.
 *
 * Each method is one atomic step. The append is the only commit: what follows (read models, messages, webhooks)
 * follows the feed. A worker owns a batch while the batch's run-queue entry is pending for it; only the owner appends.
 */
import { Context, type Effect, Schema } from "effect"
import type { MailCommand } from "../domain/commands.ts"
import type { BatchEvent, RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The mailbox holds as many commands as it may: the sender tries again later. */
export class MailboxFull extends Schema.TaggedError<MailboxFull>()("MailboxFull", { batch: Schema.String }) {}

/** The id of a command stands for another command that was told before. */
export class CommandIdReused extends Schema.TaggedError<CommandIdReused>()("CommandIdReused", {
  batch: Schema.String,
}) {}

/** There is no log of that batch. */
export class NoSuchBatch extends Schema.TaggedError<NoSuchBatch>()("NoSuchBatch", { batch: Schema.String }) {}

/** The worker no longer owns the batch, or its log has grown without it. It must stop, and forget what it held. */
export class OwnershipLost extends Schema.TaggedError<OwnershipLost>()("OwnershipLost", {
  batch: Schema.String,
  reason: Schema.Literals(["taken-over", "log-moved-on"]),
}) {}

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

/**
 * A feed has no entry where a cursor stands, or another one: the store lost history, and nobody may go on as if it had
 * not. Feeds are never trimmed beyond the entry at the slowest cursor.
 */
export class HistoryLost extends Schema.TaggedError<HistoryLost>()("HistoryLost", {
  cursor: Schema.String,
}) {
  get reason() {
    return `the feed is not what it was at the cursor ${this.cursor}: history was lost`
  }
}

/** A batch that a worker owns: the proof is the run-queue entry that is pending for it. */
export interface Ownership {
  readonly batch: BatchId
  readonly entry: string
  readonly worker: string
}

/** What a command is told under: told again with the same id within `keptMs` it adds nothing, handled or not. */
export interface CommandId {
  /** Unique within the batch. */
  readonly id: string
  /** Of what was asked for. The same id with another digest is refused. */
  readonly digest: string
  readonly keptMs: number
}

export interface Mail {
  readonly id: string
  /** What it was told under; an earlier release did not say. */
  readonly told?: string | undefined
  /** `undefined` when the entry cannot be read; it is dropped with an alarm, so that it poisons nothing. */
  readonly command: MailCommand | undefined
  readonly problem?: string
}

/**
 * Where one append left its events: versions `from` to `to` of the batch, with the hash that they stand on and the one
 * that they end with. Entries of earlier releases have no hashes.
 */
export interface FeedEntry {
  readonly id: string
  readonly batch: BatchId
  readonly from: number
  readonly to: number
  readonly base: string | undefined
  readonly head: string | undefined
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

/** Partitions whose scheduled batches are read together: all of them, or one each where the store is spread out. */
export interface RunQueue {
  /** Waits up to `waitMs` for scheduled batches; takes at most about `limit`. */
  readonly take: (
    worker: string,
    limit: number,
    waitMs: number,
  ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
}

/** How many batches are open and how many were ever closed, over all partitions; by lane, those that are open. */
export interface Backlog {
  readonly open: number
  readonly closed: number
  readonly byLane: ReadonlyMap<string, number>
}

export class EventLog extends Context.Service<
  EventLog,
  {
    /** How many partitions the deployment has; batches are spread over them by a hash of their id. */
    readonly partitions: number
    readonly partitionOf: (batch: BatchId) => number

    /**
     * Creates the log with its first events and schedules the batch, or answers with the first event of the log
     * that is already there: the log is the idempotency record, for ever. However many events it takes, the batch
     * is there with all of them or not at all. What was opened is on as many replicas as are asked for.
     */
    readonly open: (
      batch: BatchId,
      events: ReadonlyArray<BatchEvent>,
      commandId: string,
    ) => Effect.Effect<
      { readonly _tag: "Opened" } | { readonly _tag: "Exists"; readonly first: BatchEvent },
      StoreUnavailable | CorruptEntry
    >
    /**
     * Puts a command in the mailbox of a batch and schedules it; it is replicated like a batch that was opened. A
     * command that was refused leaves its id unused.
     */
    readonly tell: (
      batch: BatchId,
      command: MailCommand,
      as: CommandId,
    ) => Effect.Effect<void, CommandIdReused | MailboxFull | NoSuchBatch | StoreUnavailable>
    /** Whether a command was told under this id and is still recognised; if so, it is replicated. */
    readonly wasTold: (
      batch: BatchId,
      as: CommandId,
    ) => Effect.Effect<boolean, CommandIdReused | StoreUnavailable>
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
    readonly mail: (batch: BatchId, limit: number) => Effect.Effect<ReadonlyArray<Mail>, StoreUnavailable>

    /** The run queue, in parts that are read side by side. No partner has more than its share of it. */
    readonly runQueues: ReadonlyArray<RunQueue>
    /** Takes over batches whose owner has not renewed for `idleMs`. */
    readonly takeOver: (
      worker: string,
      idleMs: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
    /** Renews what is still owned; returns what is not any more. */
    readonly renew: (
      owned: ReadonlyArray<Ownership>,
    ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
    /**
     * Gives the batch up until `wakeAt` (epoch milliseconds), unless mail is waiting: then it stays owned, and says so.
     * A batch that is frozen leaves its mail where it is. A retry is answered as done, and so is a worker whose heir has
     * given the batch up in the meantime: {@link OwnershipLost} means that somebody else holds it.
     */
    readonly release: (
      owned: Ownership,
      wakeAt: number | undefined,
      mail?: "leave",
    ) => Effect.Effect<"released" | "mail-waiting", OwnershipLost | StoreUnavailable>
    /** Hands the batch back to the run queue at once, for another worker: the end of a drain. Retries are as above. */
    readonly handOver: (owned: Ownership) => Effect.Effect<void, OwnershipLost | StoreUnavailable>
    /** Forgets a worker that owns nothing any more. */
    readonly retire: (worker: string) => Effect.Effect<void, StoreUnavailable>
    /** Schedules batches whose timer is due at `now` (epoch milliseconds); returns how many. */
    readonly wake: (now: number, limit: number) => Effect.Effect<number, StoreUnavailable>
    /** Schedules open batches that are neither scheduled nor timed and untouched since `before`: the safety net. */
    readonly sweep: (before: number, now: number, limit: number) => Effect.Effect<number, StoreUnavailable>
    /** Of a partition that does not answer it may be what was last known, for a short time. */
    readonly backlog: Effect.Effect<Backlog, StoreUnavailable>

    /**
     * What was appended in a partition after a feed position ("0-0" is the beginning), in commit order, once it is
     * replicated: nobody is told what a failover could take back. The entry at the position has to be there still, and
     * to end with the hash, when one is given: else it is {@link HistoryLost}.
     */
    readonly feed: (
      partition: number,
      after: string,
      limit: number,
      head?: string,
    ) => Effect.Effect<ReadonlyArray<FeedEntry>, HistoryLost | StoreUnavailable>
    /** Forgets feed entries before a position that every follower has come to. */
    readonly trimFeed: (partition: number, before: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/streams/EventLog") {}
