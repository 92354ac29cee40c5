/** The span of what the read models took of a batch's log in one step. */
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { spanIds } from "../traces/span.ts"
import type { Recording } from "../traces/tracing.ts"

/** Records what was stored, from `startedAt` to `endedAt` (epoch milliseconds), of the batches whose traces are recorded. */
export const recordStored = (
  recording: Recording,
  batches: ReadonlyArray<{
    readonly id: BatchId
    readonly batch: Pick<Batch, "trace" | "version">
    readonly items: number
  }>,
  startedAt: number,
  endedAt: number,
): void => {
  recording.beside(() => {
    for (const { id, batch, items } of batches) {
      const trace = recording.traceOf(id, batch.trace)
      if (!trace.isRecorded) continue
      const { version } = batch
      recording.record({
        traceId: trace.id,
        spanId: spanIds.projection(id, version),
        parentId: spanIds.batch(id),
        name: "read models",
        kind: "internal",
        startedAt,
        endedAt,
        attributes: {
          "atlaspay.batch.id": id,
          "atlaspay.version.to": version,
          "atlaspay.items.changed": items,
        },
      })
    }
  })
}
