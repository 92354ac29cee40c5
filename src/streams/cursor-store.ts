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

/** A move of a follower's cursor in a partition, from a position to a cursor. */
export interface CursorStep {
  readonly partition: number
  readonly from: string
  readonly to: Cursor
}

/** `elsewhere`: the cursor did not move, because another process that follows the partition had moved it. */
export type CursorMove = "moved" | "elsewhere"

/** The position of each follower in the feed of each partition. */
export class CursorStore extends Context.Service<
  CursorStore,
  {
    /** By partition, the last entry that the follower handled; {@link FEED_START} if it has handled none. */
    readonly load: (
      follower: string,
      partitions: ReadonlyArray<number>,
    ) => Effect.Effect<ReadonlyMap<number, Cursor>, StoreUnavailable>
    /** Moves each cursor that is still at `from`; the others stay. Answers in the order of the steps, one a partition. */
    readonly move: (
      follower: string,
      steps: ReadonlyArray<CursorStep>,
    ) => Effect.Effect<ReadonlyArray<CursorMove>, StoreUnavailable>
    /**
     * Moves a follower back to another one, in each partition in which it is ahead. No cursor of the other one moves meanwhile, so
     * the feed still has what comes after the one that is taken.
     */
    readonly moveBack: (follower: string, other: string) => Effect.Effect<void, StoreUnavailable>
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
