import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** The feed position before the first entry. */
export const FEED_START = "0-0"

/**
 * A feed position, and the hash with which the append at that position ends. The hash distinguishes the entry from any other
 * at the same position.
 */
export interface Cursor {
  readonly position: string
  /** `undefined` at the start of the feed, and if an earlier release moved the cursor. */
  readonly head: string | undefined
}

/** Where a follower stands in a partition. */
export interface FollowerCursor extends Cursor {
  readonly follower: string
  readonly partition: number
}

/** `elsewhere`: the cursor did not move, because another process that follows the partition had moved it. */
export type CursorMove = "moved" | "elsewhere"

/** The position of each follower in the feed of each partition. */
export class CursorStore extends Context.Service<
  CursorStore,
  {
    /** The last entry that the follower handled; {@link FEED_START} if it has handled none. */
    readonly load: (follower: string, partition: number) => Effect.Effect<Cursor, StoreUnavailable>
    /** Moves a cursor if it is still at `from`. */
    readonly move: (
      follower: string,
      partition: number,
      from: string,
      to: Cursor,
    ) => Effect.Effect<CursorMove, StoreUnavailable>
    /** The cursors of these followers, in each partition that they have begun. */
    readonly standing: (
      followers: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FollowerCursor>, StoreUnavailable>
    /** Sends a follower back to the beginning of a feed. */
    readonly restart: (follower: string, partition: number) => Effect.Effect<void, StoreUnavailable>
    /** A follower's position in each partition that it has begun: for its lag, and for trimming the feed. */
    readonly positions: (follower: string) => Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable>
  }
>()("atlaspay/streams/CursorStore") {}
