/** Takes archived logs out of the streams in memory, and brings them back. */
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { LogArchive } from "../../src/streams/log-archive.ts"
import type { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import type { MemoryPartition } from "./memory-partition.ts"

interface Memory {
  readonly all: ReadonlyArray<MemoryPartition>
  readonly of: (batch: BatchId) => Effect.Effect<MemoryPartition>
}

export const logUnlinking = (
  { all, of }: Memory,
  archive: LogArchive["Service"],
): LogUnlinking["Service"] => ({
  unlink: Effect.fnUntraced(function* ({ batch, version, head, reservedName }) {
    if (reservedName !== undefined) (yield* of(reservedName)).forgetReservation(reservedName)
    return (yield* of(batch)).unlink(batch, version, head)
  }),
  restore: Effect.fnUntraced(function* (batch) {
    const log = yield* archive.find(batch)
    if (log === undefined) return "not-archived"
    const entries = yield* archive.entries(batch, 0, log.version)
    const events = entries.map(([, [, text = "", , hash = ""]]) => ({ text, hash }))
    return (yield* of(batch)).restore(batch, events)
  }),
  counts: Effect.sync(() => all.map(({ unlinkedCount }, partition) => ({ partition, ...unlinkedCount }))),
  restored: (limit) => Effect.sync(() => all.flatMap(({ restored }) => restored).slice(0, limit)),
  mark: (names) =>
    Effect.forEach(names, (name) => Effect.map(of(name), (partition) => partition.mark(name)), {
      discard: true,
    }),
  recount: () => Effect.die(new Error("the streams in memory lose nothing")),
})
