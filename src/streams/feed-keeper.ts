/** Keeps the feed short: removes the entries that every follower has handled. */
import { Effect, Layer, Schedule } from "effect"
import { CursorStore, FEED_START } from "./cursor-store.ts"
import { Feed } from "./feed.ts"
import { isBefore } from "./feed-position.ts"
import { Partitions } from "./partitions.ts"

const EVERY_MS = 60_000

/** Trims the feed of each partition to its slowest follower. A follower that never began keeps all of the feed. */
export const feedKeeperLayer = (followers: ReadonlyArray<string>) =>
  Layer.effectDiscard(
    trimFeeds(followers).pipe(
      Effect.catchTag("StoreUnavailable", ({ store, step, reason }) =>
        Effect.logWarning("feed not trimmed", { store, step, reason }),
      ),
      Effect.repeat(Schedule.spaced(EVERY_MS)),
      Effect.forkScoped,
    ),
  )

/** One round over all partitions. */
export const trimFeeds = Effect.fnUntraced(function* (followers: ReadonlyArray<string>) {
  const [partitions, feed] = [yield* Partitions, yield* Feed]
  const cursors = yield* CursorStore
  const positions = yield* Effect.forEach(followers, cursors.positions)
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const passed = positions.map((of) => of.get(partition) ?? FEED_START)
    yield* feed.trim(
      partition,
      passed.reduce((one, other) => (isBefore(one, other) ? one : other)),
    )
  }
})
