/**
 * The port to the run queue, the timers, and the set of open batches: when a batch runs, and which worker owns it. A worker
 * owns a batch while the batch's run-queue entry is pending for that worker.
 */
import { Context, type Effect, Schema } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The worker no longer owns the batch, or another worker appended to its log. It must stop, and drop its fold. */
export class OwnershipLost extends Schema.TaggedError<OwnershipLost>()("OwnershipLost", {
  batch: Schema.String,
  reason: Schema.Literals(["taken-over", "log-moved-on"]),
}) {}

/** A batch that a worker owns, with the pending run-queue entry that proves it. */
export interface Ownership {
  readonly batch: BatchId
  readonly entry: string
  readonly worker: string
  /** The batch was in the run queue for the first time, and nobody took it before: no work on it has begun. */
  readonly isNew?: true
}

/** Which batches of a partner enter the run queue in place of one that leaves it: the next ones, or only those that have begun. */
export type Admitted = "next" | "begun"

/** Partitions whose scheduled batches are read together: all of them, or one per part if the store is a cluster. */
export interface QueuePart {
  /** Waits up to about `waitMs` for scheduled batches, and takes about `limit` at most. */
  readonly take: (
    worker: string,
    limit: number,
    waitMs: number,
  ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
  /** Ends a wait that is under way; nothing is taken then. If that is not possible, the wait ends by itself. */
  readonly endWait: Effect.Effect<void>
}

/** Over all partitions: how many batches are open, how many were ever closed, and how many are open by partner shard. */
export interface Backlog {
  readonly open: number
  readonly closed: number
  readonly byPartnerShard: ReadonlyMap<string, number>
}

/** Each method is one atomic step per partition. */
export class RunQueue extends Context.Service<
  RunQueue,
  {
    /**
     * The queue, in parts that are read in parallel. No partner has more than its share of it. Of the others of a partner those
     * that have begun enter it first.
     */
    readonly parts: ReadonlyArray<QueuePart>
    /** Takes over batches whose owner has not renewed for `idleMs`. */
    readonly takeOver: (
      worker: string,
      idleMs: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
    /**
     * Whether the owner of any batch has not renewed for `idleMs`, or a partition does not answer. If not, nothing can be
     * taken over after more than `idleMs` of silence before the same time has passed once more.
     */
    readonly isAnySilent: (idleMs: number) => Effect.Effect<boolean>
    /** Renews the leases on batches that are still owned. Gives those that are not. */
    readonly renew: (
      owned: ReadonlyArray<Ownership>,
    ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
    /**
     * Releases the batch until `wakeAt` (epoch milliseconds), unless mail is waiting: then the worker still owns the
     * batch and gets `mail-waiting`. With `leave`, for a frozen batch, waiting mail does not matter. A retry succeeds,
     * also if another worker took over and has released the batch since. {@link OwnershipLost} means that another worker
     * owns it now. `admitted` is `next` by default.
     */
    readonly release: (
      owned: Ownership,
      wakeAt: number | undefined,
      mail?: "leave",
      admitted?: Admitted,
    ) => Effect.Effect<"released" | "mail-waiting", OwnershipLost | StoreUnavailable>
    /**
     * Puts a new batch back out of the run queue, before all new ones of its partner: the worker has no room for it. Those of the
     * partner that have begun enter. Retries are as above.
     */
    readonly postpone: (owned: Ownership) => Effect.Effect<void, OwnershipLost | StoreUnavailable>
    /**
     * Lets at most `limit` batches that wait for their partner's share enter the run queue, of one partner after the other, if
     * the share has room. Gives how many. Without it a share that nobody uses is filled by the next release, or by the sweep.
     */
    readonly admit: (limit: number) => Effect.Effect<number, StoreUnavailable>
    /** Puts the batch back into the run queue for another worker, at the end of a drain. Retries are as above. */
    readonly handOver: (owned: Ownership) => Effect.Effect<void, OwnershipLost | StoreUnavailable>
    /** Removes a worker that owns no batch. */
    readonly retire: (worker: string) => Effect.Effect<void, StoreUnavailable>
    /** When the first timer is due, in epoch milliseconds; 0 if a partition does not answer. `undefined` if none is set. */
    readonly nextTimer: Effect.Effect<number | undefined>
    /** Schedules batches whose timer is due at `now` (epoch milliseconds). Gives how many. */
    readonly wake: (now: number, limit: number) => Effect.Effect<number, StoreUnavailable>
    /** The safety net: schedules open batches, untouched since `before`, that have no timer. Gives how many. */
    readonly sweep: (before: number, now: number, limit: number) => Effect.Effect<number, StoreUnavailable>
    /** The open batches. For a short time, a partition that does not answer counts with its last known backlog. */
    readonly backlog: Effect.Effect<Backlog, StoreUnavailable>
  }
>()("atlaspay/streams/RunQueue") {}
