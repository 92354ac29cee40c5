/** How far a follower is behind the feed, for metrics. */
import { Clock, Effect, Result } from "effect"
import { CursorStore, FEED_START } from "./cursor-store.ts"
import { Feed } from "./feed.ts"
import { appendedAt } from "./feed-position.ts"
import { Partitions } from "./partitions.ts"

/** Entries that are counted of a partition. Reading them all would hold up those who follow. */
const ENTRIES_MAX = 1_000

export interface FollowerLag {
  /** Entries that were not handled; of each partition at most 1,000 are counted. */
  readonly entries: number
  /** How long ago the oldest of them was appended, by the clocks of Redis and this process; 0 if there are none. */
  readonly ageMs: number
}

/** The lag of a follower over all partitions. A partition whose feed cannot be read now does not count. */
export const followerLag = Effect.fnUntraced(function* (follower: string) {
  const { count } = yield* Partitions
  const { pages } = yield* Feed
  const cursors = yield* (yield* CursorStore).positions(follower)
  const found = yield* pages(
    Array.from({ length: count }, (_, partition) => ({
      partition,
      after: cursors.get(partition) ?? FEED_START,
      head: undefined,
    })),
    ENTRIES_MAX,
  )
  const entries = found.flatMap((page) => (Result.isSuccess(page) ? [page.success] : []))
  const oldest = entries.flatMap(([first]) => (first === undefined ? [] : [appendedAt(first.id)]))
  const now = yield* Clock.currentTimeMillis
  const lag: FollowerLag = {
    entries: entries.reduce((sum, { length }) => sum + length, 0),
    ageMs: oldest.length === 0 ? 0 : Math.max(0, now - Math.min(...oldest)),
  }
  return lag
})
