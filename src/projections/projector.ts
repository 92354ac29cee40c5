/**
 * Keeps the read models equal to the fold of the logs. One statement stores a chunk of the feed: the rows of all changed
 * items, the rows of their batches, and the checkpoint.
 */
import { Effect, Layer } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { foldTo } from "../streams/batch-fold.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { visitEvents } from "../streams/event-range.ts"
import { EventStore } from "../streams/event-store.ts"
import { FoldCache } from "../streams/fold-cache.ts"
import { type Chunk, type ChunkEntry, followPartition, standsOn } from "../streams/follower.ts"
import { Partitions } from "../streams/partitions.ts"
import { batchRow, itemRows } from "./batch-rows.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import { PROJECTION, ReadModels } from "./read-models.ts"

/** Items in cached folds, over all partitions: about 70 MB. A batch that is not cached is folded from its log. */
const WARM_ITEMS_MAX = 100_000

/** Follows all partitions for as long as the layer lives. If several processes do, one works, and the others stand by. */
export const projectorLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const partitions = yield* Partitions
    const cursors = yield* CursorStore
    const handle = yield* makeProjector
    for (let partition = 0; partition < partitions.count; partition++) {
      yield* Effect.forkScoped(
        followPartition({
          name: PROJECTION,
          partition,
          loadCursor: cursors.load(PROJECTION, partition),
          handle,
        }),
      )
    }
  }),
)

/** The handler of chunks, with the folds that it caches between chunks. */
const makeProjector = Effect.gen(function* () {
  const store = yield* EventStore
  const readModels = yield* ReadModels
  const warm = new FoldCache(emptyProjection, { itemsMax: WARM_ITEMS_MAX })

  return Effect.fn("Projector.handle")(function* (chunk: Chunk) {
    const byBatch = Map.groupBy(chunk.entries, ({ batch }) => batch)
    const projected = yield* Effect.forEach(byBatch, ([id, appends]) =>
      follow(store, id, warm.take(id, versionBefore(appends)), appends),
    )
    const move = yield* readModels.store({
      partition: chunk.partition,
      from: chunk.from,
      to: chunk.to,
      batches: projected.map(({ id, fold }) => batchRow(id, fold)),
      items: projected.flatMap(({ id, fold, changed }) => itemRows(id, fold, changed)),
    })
    for (const { id, fold } of projected) warm.put(id, fold)
    return move
  })
})

/** The version of a batch before its first event in the chunk. */
const versionBefore = (appends: ReadonlyArray<ChunkEntry>): number =>
  (appends[0]?.events[0]?.version ?? 1) - 1

/** Folds a batch up to its last event in the chunk. Gives the fold and the items that changed in the chunk. */
const follow = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  id: BatchId,
  fold: ProjectedBatch,
  appends: ReadonlyArray<ChunkEntry>,
) {
  yield* foldTo(store, id, fold, versionBefore(appends), project)
  const changed = new Set<number>()
  for (const append of appends) {
    yield* standsOn(fold.head, append)
    yield* visitEvents(id, append.events, (recorded) => {
      for (const item of project(fold, recorded)) changed.add(item)
    })
  }
  return { id, fold, changed }
})
