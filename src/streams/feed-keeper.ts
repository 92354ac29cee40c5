/** Keeps the feed short: removes the entries that every follower has handled. */
import { Effect, Layer, Schedule } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { CursorStore, FEED_START } from "./cursor-store.ts"
import { Feed } from "./feed.ts"
import { isBefore } from "./feed-position.ts"
import { Partitions } from "./partitions.ts"

const EVERY_MS = 60_000

/** Positions that keep a part of the feed beside the followers: by partition, none where nothing is kept. */
export type FeedHolds = Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable>

const NO_HOLDS: FeedHolds = Effect.succeed(new Map())

/**
 * Trims the feed of each partition to its slowest follower, and not beyond what `holds` keeps. A follower that never began keeps
 * all of the feed.
 */
export const feedKeeperLayer = (followers: ReadonlyArray<string>, holds: FeedHolds = NO_HOLDS) =>
  Layer.effectDiscard(
    trimFeeds(followers, holds).pipe(
      Effect.catchTag("StoreUnavailable", ({ store, step, reason }) =>
        Effect.logWarning("feed not trimmed", { store, step, reason }),
      ),
      Effect.repeat(Schedule.spaced(EVERY_MS)),
      Effect.forkScoped,
    ),
  )

/** One round over all partitions. */
export const trimFeeds = Effect.fnUntraced(function* (
  followers: ReadonlyArray<string>,
  holds: FeedHolds = NO_HOLDS,
) {
  const [partitions, feed] = [yield* Partitions, yield* Feed]
  const cursors = yield* CursorStore
  const positions = yield* Effect.forEach(followers, cursors.positions)
  // Read last: a hold that is not seen here begins later, and behind what is trimmed now.
  const held = yield* holds
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const passed = [
      ...positions.map((of) => of.get(partition) ?? FEED_START),
      ...[held.get(partition)].filter((position) => position !== undefined),
    ]
    yield* feed.trim(
      partition,
      passed.reduce((one, other) => (isBefore(one, other) ? one : other)),
    )
  }
})
