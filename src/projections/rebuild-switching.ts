/** Waits until the new tables are where the live ones are, and puts them in their place. */
import { Clock, Effect } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { CursorStore, type FollowerCursor } from "../streams/cursor-store.ts"
import { Feed } from "../streams/feed.ts"
import { isBefore } from "../streams/feed-position.ts"
import { PROJECTION } from "./read-models.ts"
import { lost, patiently, RebuildStopped } from "./rebuild-failures.ts"
import { type Rebuild, Rebuilds } from "./rebuilds.ts"

const POLL_MS = 20
/** How long the live projector stands by at most. Then it goes on by itself. */
const PAUSE_MS = 2_000
/** A follower that does not come further for so long has stopped. */
const STALLED_MS = 60_000
const ATTEMPTS_MAX = 40
/**
 * How long the switch waits for a table in use. The first attempts are over before any statement that they hold up would look
 * for a deadlock (1 s by default); later ones wait for a vacuum that gives way.
 */
const LOCK_MS_MIN = 100
const LOCK_MS_MAX = 1_500

export const switchOver = Effect.fnUntraced(function* (
  rebuild: Rebuild,
  onNote: (note: string) => Effect.Effect<void>,
) {
  const { pause, switchTables } = yield* Rebuilds
  yield* caughtUp
  yield* (yield* CrashPoints)("before-switch")
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    yield* patiently(pause(PAUSE_MS))
    const isReady = yield* reached(PAUSE_MS)
    const lockMs = Math.min(LOCK_MS_MIN * Math.ceil(attempt / 4), LOCK_MS_MAX)
    const outcome = isReady
      ? yield* patiently(switchTables(rebuild.id, lockMs, yield* aheadOfFeed))
      : ("behind" as const)
    if (outcome === "switched") return
    yield* patiently(pause(0))
    if (outcome === "lost") {
      // Perhaps the answer was, and not the rebuild.
      const now = yield* patiently((yield* Rebuilds).last)
      if (now?.id === rebuild.id && now.state === "switched") return
      return yield* lost
    }
    if (outcome === "changed")
      return yield* new RebuildStopped({
        reason: "the live tables were changed meanwhile: abandon the rebuild, and begin anew",
      })
    yield* onNote(outcome === "busy" ? "a table is in use" : "the live tables are further")
    yield* Effect.sleep(POLL_MS * attempt)
  }
  return yield* new RebuildStopped({ reason: "the tables could not be switched; run the command again" })
})

/** Waits until the new tables have come to where the live ones are. */
const caughtUp = Effect.gen(function* () {
  let before = ""
  let since = yield* Clock.currentTimeMillis
  while (!(yield* isLevel)) {
    const standing = JSON.stringify([...(yield* patiently((yield* Rebuilds).standing))])
    const now = yield* Clock.currentTimeMillis
    if (standing !== before) [before, since] = [standing, now]
    if (now - since > STALLED_MS)
      return yield* new RebuildStopped({
        reason: "a log cannot be followed; the lines before say which, and `projections audit` what is wrong",
      })
    yield* Effect.sleep(POLL_MS)
  }
})

/** Waits for the same at most so long. Gives whether it came. */
const reached = Effect.fnUntraced(function* (waitMs: number) {
  const until = (yield* Clock.currentTimeMillis) + waitMs
  while (!(yield* isLevel)) {
    if ((yield* Clock.currentTimeMillis) > until) return false
    yield* Effect.sleep(POLL_MS)
  }
  return true
})

/** Whether no live checkpoint is further, except for those that are beyond their feed. */
const isLevel = Effect.gen(function* () {
  const own = yield* patiently((yield* Rebuilds).standing)
  const live = yield* patiently((yield* CursorStore).standing([PROJECTION]))
  const further = live.filter(({ partition, position }) => isBefore(own.get(partition) ?? "0-0", position))
  return yield* Effect.map(Effect.filter(further, isInFeed), ({ length }) => length === 0)
})

/** Partitions whose live checkpoint no feed has. */
const aheadOfFeed = Effect.gen(function* () {
  const live = yield* patiently((yield* CursorStore).standing([PROJECTION]))
  const ahead = yield* Effect.filter(live, (cursor) => Effect.map(isInFeed(cursor), (isThere) => !isThere))
  return ahead.map(({ partition }) => partition)
})

const isInFeed = Effect.fnUntraced(function* ({ partition, position, head }: FollowerCursor) {
  const { entries } = yield* Feed
  return yield* patiently(entries(partition, position, 1, head)).pipe(
    Effect.as(true),
    Effect.catchTag("HistoryLost", () => Effect.succeed(false)),
  )
})
