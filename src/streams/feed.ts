/** The port to the feed: what was appended in a partition, in commit order. Read models, messages and webhooks follow it. */
import { Context, type Effect, Schema } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

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

export class Feed extends Context.Service<
  Feed,
  {
    /**
     * What was appended in a partition after a feed position ("0-0" is the beginning), in commit order, once it is
     * replicated: nobody is told what a failover could take back. The entry at the position has to be there still, and
     * to end with the hash, when one is given: else it is {@link HistoryLost}.
     */
    readonly entries: (
      partition: number,
      after: string,
      limit: number,
      head?: string,
    ) => Effect.Effect<ReadonlyArray<FeedEntry>, HistoryLost | StoreUnavailable>
    /** Forgets entries before a position that every follower has come to. */
    readonly trim: (partition: number, before: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/streams/Feed") {}
