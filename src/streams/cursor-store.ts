import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The feed position before the first entry. */
export const FEED_START = "0-0"

/** A feed position, and the hash with which the append ends that is told of there; it tells the entry from any other. */
export interface Cursor {
  readonly position: string
  /** Not known at the start, and of a cursor that an earlier release moved. */
  readonly head: string | undefined
}

/** Where a follower stands in a partition. */
export interface FollowerCursor extends Cursor {
  readonly follower: string
  readonly partition: number
}

/** Whether a cursor moved, or stood elsewhere because another process follows the partition too. */
export type CursorMove = "moved" | "elsewhere"

/** How far each follower of the log has come in the feed of each partition. */
export class CursorStore extends Context.Service<
  CursorStore,
  {
    /** At the last entry that the follower handled; at {@link FEED_START} when it never did. */
    readonly load: (follower: string, partition: number) => Effect.Effect<Cursor, StoreUnavailable>
    /** Moves a cursor if it still stands at `from`. */
    readonly move: (
      follower: string,
      partition: number,
      from: string,
      to: Cursor,
    ) => Effect.Effect<CursorMove, StoreUnavailable>
    /** Where these followers stand, in each partition that they have begun. */
    readonly standing: (
      followers: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FollowerCursor>, StoreUnavailable>
    /** Sends a follower back to the beginning of a feed. */
    readonly restart: (follower: string, partition: number) => Effect.Effect<void, StoreUnavailable>
    /** Where a follower stands in each partition that it has begun: its lag, and what of the feed may be trimmed. */
    readonly positions: (follower: string) => Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable>
  }
>()("atlaspay/streams/CursorStore") {}
