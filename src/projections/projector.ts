/**
 * Keeps the read models equal to the fold of the logs. One statement stores the chunks of all partitions that have
 * something new: the rows of all changed items, the rows of their batches, and the checkpoints.
 */
import { Effect, Layer } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { foldTo } from "../streams/batch-fold.ts"
import { type Chunk, type ChunkEntry, standsOn } from "../streams/chunk.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { visitEvents } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore } from "../streams/event-store.ts"
import { FoldCache } from "../streams/fold-cache.ts"
import { follow, type Prepared } from "../streams/follower.ts"
import { type Changed, rowsOf } from "./batch-rows.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import { PROJECTION, type ReadModelChange, ReadModels } from "./read-models.ts"

/** Items in cached folds, over all partitions: about 70 MB. A batch that is not cached is folded from its log. */
const WARM_ITEMS_MAX = 100_000

/** Follows all partitions for as long as the layer lives. If several processes do, one works, and the others stand by. */
export const projectorLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const cursors = yield* CursorStore
    yield* follow({
      name: PROJECTION,
      loadCursors: (partitions) => cursors.load(PROJECTION, partitions),
      ...(yield* makeProjector),
    })
  }),
)

/** A batch as a chunk leaves it. */
interface Projected {
  readonly id: BatchId
  readonly fold: ProjectedBatch
  readonly changed: Changed
}

/** The handler of chunks, with the folds that it caches between chunks. */
const makeProjector = Effect.gen(function* () {
  const store = yield* EventStore
  const readModels = yield* ReadModels
  const warm = new FoldCache(emptyProjection, { itemsMax: WARM_ITEMS_MAX })

  return {
    prepare: Effect.fnUntraced(function* (chunk: Chunk) {
      const byBatch = Map.groupBy(chunk.entries, ({ batch }) => batch)
      return yield* Effect.forEach(byBatch, ([id, entries]) =>
        projectBatch(store, id, warm.take(id, versionBefore(entries)), entries),
      )
    }),
    commit: Effect.fn("Projector.commit")(function* (
      prepared: ReadonlyArray<Prepared<ReadonlyArray<Projected>>>,
    ) {
      const moves = yield* readModels.store(prepared.map(changeOf))
      for (const { work } of prepared) for (const { id, fold } of work) warm.put(id, fold)
      return moves
    }),
  }
})

const changeOf = ({
  chunk: { partition, from, to },
  work,
}: Prepared<ReadonlyArray<Projected>>): ReadModelChange => {
  const rows = work.map(({ id, fold, changed }) => rowsOf(id, fold, changed))
  return {
    partition,
    from,
    to,
    batches: rows.map(({ batch }) => batch),
    items: rows.flatMap(({ items }) => items),
    days: rows.flatMap(({ days }) => days),
    acts: rows.flatMap(({ acts }) => acts),
  }
}

/** The version of a batch before its first event in the chunk. */
const versionBefore = (entries: ReadonlyArray<ChunkEntry>): number =>
  (entries[0]?.events[0]?.version ?? 1) - 1

/** Folds a batch up to its last event in the chunk. Gives the fold and what changed in the chunk. */
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
  return { id, fold, changed: { items: changed, since } }
})
