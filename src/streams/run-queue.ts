/**
 * The port to the run queue, the timers, and the set of open batches: which batch is run when, and by whom. A worker owns
 * a batch while the batch's entry in the run queue is pending for it.
 */
import { Context, type Effect, Schema } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The worker no longer owns the batch, or its log has grown without it. It must stop, and forget what it held. */
export class OwnershipLost extends Schema.TaggedError<OwnershipLost>()("OwnershipLost", {
  batch: Schema.String,
  reason: Schema.Literals(["taken-over", "log-moved-on"]),
}) {}

/** A batch that a worker owns: the proof is the run-queue entry that is pending for it. */
export interface Ownership {
  readonly batch: BatchId
  readonly entry: string
  readonly worker: string
}

/** Partitions whose scheduled batches are read together: all of them, or one each where the store is spread out. */
export interface QueuePart {
  /** Waits up to `waitMs` for scheduled batches; takes at most about `limit`. */
  readonly take: (
    worker: string,
    limit: number,
    waitMs: number,
  ) => Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>
}

/** How many batches are open and how many were ever closed, over all partitions; by partner shard, those that are open. */
export interface Backlog {
  readonly open: number
  readonly closed: number
  readonly byPartnerShard: ReadonlyMap<string, number>
}

/** Each method is one atomic step for each partition that it concerns. */
export class RunQueue extends Context.Service<
  RunQueue,
  {
    /** The queue in parts that are read side by side. No partner has more than its share of it. */
    readonly parts: ReadonlyArray<QueuePart>
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
  }
>()("atlaspay/streams/RunQueue") {}
