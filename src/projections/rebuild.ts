/**
 * Rebuilds the read models from the logs, beside the live ones (see rebuilds.ts). What was done is stored step by step: a process
 * that dies is continued by the next one that is started. Until the tables are switched nobody sees anything of it; and whatever
 * the live tables have, the new ones do not depend on it.
 *
 * What is appended from the first moment on is in the feed, which is held for the rebuild. So a log may be copied at any version:
 * a projector of its own brings the new tables to where the live ones stand, by the same statements. At the end the live projector
 * stands by for a moment. It then goes on from the checkpoints of the new tables, without noticing.
 */
import { Effect, Schedule } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { type Cursor, CursorStore, FEED_START } from "../streams/cursor-store.ts"
import { Feed } from "../streams/feed.ts"
import { LOG_INDEX_START, LogIndex, type LogIndexCursor } from "../streams/log-index.ts"
import { Partitions } from "../streams/partitions.ts"
import { PROJECTION } from "./read-models.ts"
import { copyBatches } from "./rebuild-copying.ts"
import { lost, patiently, RebuildStopped } from "./rebuild-failures.ts"
import { RebuildFollower } from "./rebuild-follower.ts"
import { switchOver } from "./rebuild-switching.ts"
import { type Copied, type Rebuild, type RebuildState, Rebuilds } from "./rebuilds.ts"

export interface RebuildProgress {
  readonly state: RebuildState
  readonly listed: number
  readonly batches: number
  readonly events: number
  /** What was just done, where numbers do not say it. */
  readonly note?: string
}

const KEPT_EVERY_MS = 4_000
const FEED_PAGE = 1_024
const NAMES_PAGE = 1_000
/** Continues the rebuild that is under way, or begins one, and carries it to its end. Fails if another process has it. */
export const rebuildReadModels = Effect.fn("rebuildReadModels")(function* (
  onProgress: (progress: RebuildProgress) => Effect.Effect<void>,
) {
  const { take, release, keep, last } = yield* Rebuilds
  const rebuild = yield* patiently(take)
  if (rebuild === undefined)
    return yield* new RebuildStopped({ reason: "another process rebuilds the read models" })
  const kept = keep(rebuild.id).pipe(
    Effect.catchTag("StoreUnavailable", () => Effect.succeed(true)),
    Effect.repeat({ while: (isKept) => isKept, schedule: Schedule.spaced(KEPT_EVERY_MS) }),
    // Also for who comes between the switch and its answer: then the rebuild is at its end, and not lost.
    Effect.andThen(patiently(last)),
    Effect.flatMap((now) =>
      now?.id === rebuild.id && now.state === "switched" ? Effect.succeed(now) : lost,
    ),
  )
  return yield* Effect.raceFirst(Effect.scoped(steps(rebuild, onProgress)), kept).pipe(
    Effect.tap(onProgress),
    Effect.ensuring(Effect.ignore(release(rebuild.id))),
  )
})

const steps = Effect.fnUntraced(function* (
  begun: Rebuild,
  onProgress: (progress: RebuildProgress) => Effect.Effect<void>,
) {
  const { enter, makeIndex, analyze, last } = yield* Rebuilds
  const current = Effect.flatMap(patiently(last), (rebuild) =>
    rebuild?.id === begun.id ? Effect.succeed(rebuild) : lost,
  )
  const goOn = (state: RebuildState) => patiently(enter(begun.id, state))
  let rebuild = begun
  while (rebuild.endedAt === undefined) {
    const { id, state, listed, batches, events } = rebuild
    const tell = (progress: Partial<RebuildProgress>) =>
      onProgress({ state, listed, batches, events, ...progress })
    yield* tell({})
    if (state === "listing") {
      yield* patiently(begin(id))
      yield* listBatches
      yield* goOn("copying")
    } else if (state === "copying") {
      yield* copyBatches(rebuild, storing(yield* Rebuilds, id), tell)
      yield* goOn("indexing")
    } else if (state === "indexing") {
      for (let made = yield* patiently(makeIndex); made !== undefined; made = yield* patiently(makeIndex))
        yield* tell({ note: `index ${made}` })
      yield* patiently(analyze)
      yield* goOn("following")
    } else {
      yield* (yield* RebuildFollower).start
      yield* switchOver(rebuild, (note) => tell({ note }))
      yield* (yield* CrashPoints)("after-switch")
    }
    rebuild = yield* current
  }
  return rebuild
})

/** New tables, and where the feeds end now: what is appended from here on is followed. */
const begin = Effect.fnUntraced(function* (rebuild: number) {
  const { prepare, begin } = yield* Rebuilds
  const { count } = yield* Partitions
  const partitions = Array.from({ length: count }, (_, partition) => partition)
  const cursors = yield* (yield* CursorStore).load(PROJECTION, partitions)
  yield* prepare(rebuild)
  const ends = yield* Effect.forEach(partitions, (partition) =>
    endOfFeed(partition, cursors.get(partition)).pipe(
      // The checkpoint is wrong, or was: the feed is read from where it begins.
      Effect.catchTag("HistoryLost", () => endOfFeed(partition, undefined)),
      Effect.map((end) => ({ follower: PROJECTION, partition, ...end })),
      Effect.mapError((error) =>
        error._tag === "HistoryLost" ? new RebuildStopped({ reason: error.reason }) : error,
      ),
    ),
  )
  yield* begin(rebuild, ends)
})

const endOfFeed = Effect.fnUntraced(function* (partition: number, from: Cursor | undefined) {
  const { entries } = yield* Feed
  let end: Cursor = from ?? { position: FEED_START, head: undefined }
  while (true) {
    const page = yield* entries(partition, end.position, FEED_PAGE, end.head)
    const last = page.at(-1)
    if (last !== undefined) end = { position: last.id, head: last.head }
    if (page.length < FEED_PAGE) return end
  }
})

const listBatches = Effect.gen(function* () {
  const { list } = yield* Rebuilds
  const { page } = yield* LogIndex
  let cursor: LogIndexCursor | undefined = LOG_INDEX_START
  while (cursor !== undefined) {
    const from: LogIndexCursor = cursor
    const { batches, next } = yield* patiently(page(from, NAMES_PAGE))
    if (batches.length > 0) yield* patiently(list(batches))
    cursor = next
  }
})

/** Stores rows once, also if the answer to that is lost. */
const storing = ({ copy, last }: Rebuilds["Service"], rebuild: number) =>
  Effect.fnUntraced(function* (copied: Copied) {
    if (yield* patiently(copy(rebuild, copied))) return
    const now = yield* patiently(last)
    if (now?.id !== rebuild || now.state !== "copying" || now.copiedTo !== copied.to) yield* lost
  })
