/** How a worker ends, so that others go on at once with what it had, and nobody waits for a claim. */
import { Effect, FiberMap, type Semaphore } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { Partitions } from "../streams/partitions.ts"
import { RunQueue } from "../streams/run-queue.ts"
import type { Lease } from "./lease.ts"

/** Reads of the run queue under way at a time. A drain waits for all of them. */
export const TAKES_MAX = 1_024
const END_WAITS_EVERY_MS = 50
/** How long a drain waits for them: one on a server that is silent would take all of its time. Milliseconds. */
const TAKES_MS_MAX = 1_000
/** Batches of a partition that are handed over at a time. */
const HAND_OVERS_MAX = 16

/** What of a worker is drained. */
export interface Draining {
  readonly name: string
  readonly settings: { readonly drainMs: number }
  readonly services: { readonly partitions: Pick<Partitions["Service"], "of"> }
  readonly leases: ReadonlyMap<BatchId, Lease>
  readonly actors: FiberMap.FiberMap<BatchId, void, never>
  /** A permit is held while batches are taken. */
  readonly taking: Semaphore.Semaphore
  draining: boolean
}

/** Again and again, because a read may have begun to wait since. */
const endWaits = ({ parts }: RunQueue["Service"]) =>
  Effect.forEach(parts, ({ endWait }) => endWait, { concurrency: "unbounded", discard: true }).pipe(
    Effect.andThen(Effect.sleep(END_WAITS_EVERY_MS)),
    Effect.forever,
  )

const handOver = Effect.fnUntraced(
  function* ({ owned }: Lease) {
    yield* (yield* RunQueue).handOver(owned)
  },
  (run, { owned: { batch } }) =>
    run.pipe(
      Effect.catchTags({
        OwnershipLost: () => Effect.void,
        // It is taken over once the claim has run out.
        StoreUnavailable: ({ step, reason }) =>
          Effect.logWarning("batch not handed over", { batch, step, reason }),
      }),
    ),
)

/** Ends what the worker still does for the batches of each partition, and hands them over. A silent server delays only its own. */
const handOverAll = ({ actors, services: { partitions } }: Draining, left: ReadonlyArray<Lease>) => {
  const endAndHandOver = (lease: Lease) =>
    Effect.andThen(FiberMap.remove(actors, lease.owned.batch), handOver(lease))
  const byPartition = Map.groupBy(left, ({ owned }) => partitions.of(owned.batch))
  return Effect.forEach(
    byPartition.values(),
    (some) => Effect.forEach(some, endAndHandOver, { concurrency: HAND_OVERS_MAX, discard: true }),
    { concurrency: "unbounded", discard: true },
  )
}

/**
 * Waits for calls under way to end and be recorded, up to `drainMs`, then hands over the remaining batches, so that another
 * worker continues at once. That worker asks the banks about calls that were cut off. What a silent server gives later, when
 * nobody waits for it any more, is taken over once the claim has run out.
 */
export const drain = Effect.fnUntraced(
  function* (worker: Draining) {
    const queue = yield* RunQueue
    worker.draining = true
    yield* Effect.raceFirst(worker.taking.take(TAKES_MAX), endWaits(queue)).pipe(
      Effect.timeoutOption(TAKES_MS_MAX),
    )
    yield* FiberMap.awaitEmpty(worker.actors).pipe(Effect.timeoutOption(worker.settings.drainMs))
    const left = [...worker.leases.values()]
    yield* handOverAll(worker, left)
    yield* queue.retire(worker.name)
    yield* Effect.logInfo("worker drained", { worker: worker.name, handedOver: left.length })
  },
  Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
    Effect.logWarning("drain incomplete", { step, reason }),
  ),
)
