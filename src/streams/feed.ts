/** The port to the feed: what was appended in a partition, in commit order. Read models, messages and webhooks follow it. */
import { Context, type Effect, type Result, Schema } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/**
 * A feed has no entry at a cursor's position, or a different one: the store lost history, so followers must stop. Trimming
 * cannot cause this: it never goes beyond the entry at the slowest cursor.
 */
export class HistoryLost extends Schema.TaggedError<HistoryLost>()("HistoryLost", {
  cursor: Schema.String,
}) {
  get reason() {
    return `the feed has changed at the cursor ${this.cursor}: history was lost`
  }
}

/**
 * What one append wrote: versions `from` to `to` of the batch, with the hash before the first and the hash of the last.
 * Entries of earlier releases have no hashes.
 */
export interface FeedEntry {
  readonly id: string
  readonly batch: BatchId
  readonly from: number
  readonly to: number
  readonly base: string | undefined
  readonly head: string | undefined
}

/** Where a reader stands in the feed of a partition: after this position, whose entry ends with `head`, if given. */
export interface FeedPosition {
  readonly partition: number
  readonly after: string
  readonly head: string | undefined
}

/** The entries after a position, or why there are none. */
export type FeedPage = Result.Result<ReadonlyArray<FeedEntry>, HistoryLost | StoreUnavailable>

/** The feeds that one connection reads together. They are on one server, so they are there or gone together. */
export interface FeedPart {
  readonly partitions: ReadonlyArray<number>
  /**
   * Waits until feeds have entries after these positions, and gives their partitions; none after `waitMs` milliseconds. It
   * only wakes: the entries may not be replicated yet, and nothing shows whether history was lost.
   */
  readonly arrivals: (
    positions: ReadonlyArray<FeedPosition>,
    waitMs: number,
  ) => Effect.Effect<ReadonlySet<number>, StoreUnavailable>
}

export class Feed extends Context.Service<
  Feed,
  {
    /**
     * The appends of a partition after a feed position ("0-0" is the beginning), in commit order. Gives only replicated
     * entries, so that nobody follows an append that a failover could lose. Fails with {@link HistoryLost} if the entry at
     * the position is gone, or does not end with `head`, if given.
     */
    readonly entries: (
      partition: number,
      after: string,
      limit: number,
      head?: string,
    ) => Effect.Effect<ReadonlyArray<FeedEntry>, HistoryLost | StoreUnavailable>
    /** Of each position, of different partitions, what `entries` gives: at most `limit` entries each, in few round trips. */
    readonly pages: (
      positions: ReadonlyArray<FeedPosition>,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<FeedPage>>
    /** Opens the connections that wait for entries. All feeds are in one part; on a cluster, each is in its own. */
    readonly feedParts: Effect.Effect<ReadonlyArray<FeedPart>, StoreUnavailable>
    /** Removes the entries before a position that every follower has reached. */
    readonly trim: (partition: number, before: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/streams/Feed") {}
