/** Takes archived logs out of the streams in memory, and brings them back. */
import { Effect, type Scope } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { LinkedEvent } from "../../src/streams/hash-chain.ts"
import type { LogArchive } from "../../src/streams/log-archive.ts"
import type { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { restoringOnce, type Stage } from "../../src/streams/restoring.ts"
import type { MemoryPartition } from "./memory-partition.ts"

interface Memory {
  readonly all: ReadonlyArray<MemoryPartition>
  readonly of: (batch: BatchId) => Effect.Effect<MemoryPartition>
}

export const logUnlinking = (
  { all, of }: Memory,
  archive: LogArchive["Service"],
  scope: Scope.Scope,
): LogUnlinking["Service"] => ({
  unlink: Effect.fnUntraced(function* ({ batch, version, head, reservedName }) {
    if (reservedName !== undefined) (yield* of(reservedName)).forgetReservation(reservedName)
    return (yield* of(batch)).unlink(batch, version, head)
  }),
  restore: restoringOnce(scope, { archive, stageOf: () => stageIn(of), pass: () => Effect.void }),
  counts: unlinkedCounts({ all }),
  restored: (limit) => Effect.sync(() => all.flatMap(({ restored }) => restored).slice(0, limit)),
  mark: (names) =>
    Effect.forEach(names, (name) => Effect.map(of(name), (partition) => partition.mark(name)), {
      discard: true,
    }),
  recount: () => Effect.die(new Error("the streams in memory lose nothing")),
})

/** What each partition counts. */
export const unlinkedCounts = ({ all }: Pick<Memory, "all">): LogUnlinking["Service"]["counts"] =>
  Effect.sync(() => all.map(({ unlinkedCount }, partition) => ({ partition, ...unlinkedCount })))

const stageIn = (of: Memory["of"]): Stage => {
  const staged: Array<LinkedEvent> = []
  return {
    version: (batch) =>
      Effect.map(of(batch), (partition) => {
        const place = partition.find(batch)
        return place._tag === "Here" ? place.version : 0
      }),
    stage: (_, { lines }) =>
      Effect.sync(() => {
        const parts = lines.split("\n")
        for (let line = 0; line + 1 < parts.length; line += 2)
          staged.push({ text: parts[line] ?? "", hash: parts[line + 1] ?? "" })
      }),
    finish: ({ batch }) => Effect.map(of(batch), (partition) => partition.restore(batch, staged)),
  }
}
