/** After an operator accepted a loss of history, rewrites the rows of the read models that no longer match their log. */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { foldLog } from "../streams/batch-fold.ts"
import { EventStore } from "../streams/event-store.ts"
import { Partitions } from "../streams/partitions.ts"
import { rowsOf } from "./batch-rows.ts"
import { emptyProjection, project } from "./projected-batch.ts"
import { ReadModels, type ShownUpTo } from "./read-models.ts"

const PAGE = 500

/** Compares all rows of a partition with the logs. Gives the batches that it rewrote, and those that it removed (no log). */
export const repairReadModels = Effect.fn("repairReadModels")(function* (partition: number) {
  const [store, partitions, readModels] = [yield* EventStore, yield* Partitions, yield* ReadModels]
  const written: Array<BatchId> = []
  const gone: Array<BatchId> = []
  let after = ""
  while (true) {
    const page = yield* readModels.shown(after, PAGE)
    for (const shown of page.filter(({ id }) => partitions.of(id) === partition)) {
      if (yield* isInLog(shown)) continue
      const fold = emptyProjection(shown.id)
      yield* foldLog(store, shown.id, fold, project)
      const isGone = fold.batch.version === 0
      yield* readModels.replace(shown.id, isGone ? undefined : rowsOf(shown.id, fold))
      ;(isGone ? gone : written).push(shown.id)
    }
    if (page.length < PAGE) return { written, gone }
    after = page.at(-1)?.id ?? after
  }
})

/** Whether the log still has what the row shows: an event of its version, at its time. */
const isInLog = Effect.fnUntraced(function* ({ id, version, updatedAt }: ShownUpTo) {
  const [last] = yield* (yield* EventStore).read(id, version - 1, 1)
  return last?.event.at === updatedAt
})
