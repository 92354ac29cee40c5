/** How a worker ends, so that others go on at once with what it had, and nobody waits for a claim. */
import { Effect, FiberMap, type Semaphore } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { RunQueue } from "../streams/run-queue.ts"
import type { Lease } from "./lease.ts"

/** Reads of the run queue under way at a time. A drain waits for all of them. */
export const TAKES_MAX = 1_024
const END_WAITS_EVERY_MS = 50
/** Batches that are handed over at a time. */
const HAND_OVERS_MAX = 16

/** What of a worker is drained. */
export interface Draining {
  readonly name: string
  readonly settings: { readonly drainMs: number }
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

/**
 * Waits for calls under way to end and be recorded, up to `drainMs`, then hands over the remaining batches, so that another
 * worker continues at once. That worker asks the banks about calls that were cut off.
 */
export const drain = Effect.fnUntraced(
  function* (worker: Draining) {
    const queue = yield* RunQueue
    worker.draining = true
    yield* Effect.raceFirst(worker.taking.take(TAKES_MAX), endWaits(queue))
    yield* FiberMap.awaitEmpty(worker.actors).pipe(Effect.timeoutOption(worker.settings.drainMs))
    const left = [...worker.leases.values()]
    yield* FiberMap.clear(worker.actors)
    yield* Effect.forEach(left, (lease) => handOver(lease), { concurrency: HAND_OVERS_MAX, discard: true })
    yield* queue.retire(worker.name)
    yield* Effect.logInfo("worker drained", { worker: worker.name, handedOver: left.length })
  },
  Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
    Effect.logWarning("drain incomplete", { step, reason }),
  ),
)
