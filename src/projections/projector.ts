/**
 * Keeps the read models equal to the fold of the logs. One statement stores the chunks of all partitions that have
 * something new: the rows of all changed items, the rows of their batches, and the checkpoints.
 */
import { Clock, Effect, Layer } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { foldTo } from "../streams/batch-fold.ts"
import { type Chunk, type ChunkEntry, standsOn } from "../streams/chunk.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { visitEvents } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore } from "../streams/event-store.ts"
import { FoldCache } from "../streams/fold-cache.ts"
import { follow, type Prepared } from "../streams/follower.ts"
import { Tracing } from "../traces/tracing.ts"
import { type BatchRows, rowsOf } from "./batch-rows.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import { recordStored } from "./projection-spans.ts"
import { PROJECTION, type ReadModelChange, ReadModels } from "./read-models.ts"

/** Items in cached folds, over all partitions: about 70 MB. A batch that is not cached is folded from its log. */
const WARM_ITEMS_MAX = 100_000
/**
 * An item that changes several times within a step is written once. Behind a long backlog, where 200 batches take turns, four times
 * the usual step writes each of their items three times and not five.
 */
const STEP_EVENTS_MAX = 1_024
/**
 * Twice the usual wait while very much comes: the row of an item is then written four to five times, in place of six. Nobody is told
 * of what is shown, as they are of events.
 */
const STEP_EVERY_MS_MAX = 500

/** Follows all partitions for as long as the layer lives. If several processes do, one works, and the others stand by. */
export const projectorLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const cursors = yield* CursorStore
    yield* follow({
      name: PROJECTION,
      stepEventsMax: STEP_EVENTS_MAX,
      stepEveryMsMax: STEP_EVERY_MS_MAX,
      loadCursors: (partitions) => cursors.load(PROJECTION, partitions),
      ...(yield* makeProjector),
    })
  }),
)

/** A batch as a chunk leaves it, and the rows that the chunk changed. */
interface Projected {
  readonly id: BatchId
  readonly fold: ProjectedBatch
  readonly rows: BatchRows
}

/** The handler of chunks, with the folds that it caches between chunks. */
const makeProjector = Effect.gen(function* () {
  const store = yield* EventStore
  const readModels = yield* ReadModels
  const pass = yield* CrashPoints
  const clock = yield* Clock.Clock
  const recording = yield* Tracing
  const warm = new FoldCache(emptyProjection, { itemsMax: WARM_ITEMS_MAX })
  const stored = Effect.fn("Projector.commit")(function* (changes: ReadonlyArray<ReadModelChange>) {
    yield* pass("before-projection")
    const moves = yield* readModels.store(changes)
    yield* pass("after-projection")
    return moves
  })

  return {
    prepare: Effect.fnUntraced(function* (chunk: Chunk) {
      const byBatch = Map.groupBy(chunk.entries, ({ batch }) => batch)
      return yield* Effect.forEach(byBatch, ([id, entries]) =>
        projectBatch(store, id, warm.take(id, versionBefore(entries)), entries),
      )
    }),
    /**
     * While Postgres stores these rows, the next chunks are folded. Their rows are stored only if these were, because their checkpoint
     * has to stand where these leave it. If these were not, the folds are beyond the checkpoint, and the cache gives none of them back.
     */
    commit: (prepared: ReadonlyArray<Prepared<ReadonlyArray<Projected>>>) =>
      Effect.sync(() => {
        // Before the next chunk changes the folds.
        const traced = recording && tracedOf(prepared)
        for (const { work } of prepared) for (const { id, fold } of work) warm.put(id, fold)
        const storing = stored(prepared.map(changeOf))
        if (recording === undefined || traced === undefined) return storing
        const startedAt = clock.currentTimeMillisUnsafe()
        return Effect.tap(storing, () =>
          Effect.sync(() => recordStored(recording, traced, startedAt, clock.currentTimeMillisUnsafe())),
        )
      }),
  }
})

const tracedOf = (prepared: ReadonlyArray<Prepared<ReadonlyArray<Projected>>>) =>
  prepared.flatMap(({ work }) =>
    work.map(({ id, fold: { batch }, rows }) => ({
      id,
      batch: { trace: batch.trace, version: batch.version },
      items: rows.items.length,
    })),
  )

const changeOf = ({
  chunk: { partition, from, to },
  work,
}: Prepared<ReadonlyArray<Projected>>): ReadModelChange => ({
  partition,
  from,
  to,
  batches: work.map(({ rows }) => rows.batch),
  items: work.flatMap(({ rows }) => rows.items),
  days: work.flatMap(({ rows }) => rows.days),
  acts: work.flatMap(({ rows }) => rows.acts),
})

/** The version of a batch before its first event in the chunk. */
const versionBefore = (entries: ReadonlyArray<ChunkEntry>): number =>
  (entries[0]?.events[0]?.version ?? 1) - 1

/** Folds a batch up to its last event in the chunk. Gives the fold, and the rows of what changed in the chunk. */
const projectBatch = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  id: BatchId,
  fold: ProjectedBatch,
  entries: ReadonlyArray<ChunkEntry>,
): Effect.fn.Return<Projected, CorruptEntry | StoreUnavailable> {
  const since = versionBefore(entries)
  yield* foldTo(store, id, fold, since, project)
  const changed = new Set<number>()
  for (const entry of entries) {
    yield* standsOn(fold.head, entry)
    yield* visitEvents(id, entry.events, (recorded) => {
      for (const item of project(fold, recorded)) changed.add(item)
    })
  }
  return { id, fold, rows: rowsOf(id, fold, { items: changed, since }) }
})
