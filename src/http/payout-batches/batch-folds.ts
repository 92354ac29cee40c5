/**
 * Batches as their logs tell them, kept between requests. A request reads what was appended since the last one, not the
 * whole log. Who asks for the same batch at a time waits in a line, as its fold has one owner.
 *
 * Before it goes on, a fold makes sure that the last event it knows is still the one in the log: a store that came back
 * older has its batches folded anew.
 *
 * A fold is sound after each whole event. So it is also kept when its reader leaves, or when the store stops answering:
 * the next request reads only the rest.
 */
import { Cause, Effect, Exit, Semaphore } from "effect"
import type { BatchId } from "../../domain/identifiers.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type BatchFold, emptyFold, foldLog } from "../../streams/batch-fold.ts"
import type { CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { FoldCache } from "../../streams/fold-cache.ts"

/** Items of all batches that are kept: some 100 MB. One batch may have half as many. */
const ITEMS_MAX = 200_000
const BATCHES_MAX = 1_000
/** Logs read at a time. */
const FOLDS_MAX = 4

/** Those who ask for one batch, one after the other. */
interface Line {
  readonly lock: Semaphore.Semaphore
  length: number
}

export class BatchFolds {
  readonly #store: EventStore["Service"]
  readonly #kept = new FoldCache(emptyFold, { itemsMax: ITEMS_MAX, batchesMax: BATCHES_MAX })
  /** One for each batch that is asked for now. */
  readonly #lines = new Map<BatchId, Line>()
  readonly #reading = Semaphore.makeUnsafe(FOLDS_MAX)

  constructor(store: EventStore["Service"]) {
    this.#store = store
  }

  /** Shows a batch, as its log is now, to `use`, which takes what it needs: the batch changes with the next look. */
  readonly show = <A>(
    id: BatchId,
    use: (folded: Readonly<BatchFold>) => A,
  ): Effect.Effect<A, CorruptEntry | StoreUnavailable> =>
    Effect.acquireUseRelease(
      Effect.sync(() => this.#join(id)),
      ({ lock }) => lock.withPermits(1)(this.#reading.withPermits(1)(this.#look(id, use))),
      (line) => Effect.sync(() => this.#leave(id, line)),
    )

  readonly #look = <A>(id: BatchId, use: (folded: Readonly<BatchFold>) => A) => {
    const [store, kept] = [this.#store, this.#kept]
    return Effect.acquireUseRelease(
      Effect.sync(() => ({ fold: kept.take(id) })),
      (taken) =>
        Effect.gen(function* () {
          const known = taken.fold
          const { version } = known.batch
          const [last] = version === 0 ? [] : yield* store.read(id, version - 1, 1)
          taken.fold = last?.hash === known.head ? known : emptyFold(id)
          yield* foldLog(store, id, taken.fold)
          return use(taken.fold)
        }),
      ({ fold }, exit) =>
        Effect.sync(() => {
          if (isWhole(exit) && fold.batch.version > 0) kept.put(id, fold)
        }),
    )
  }

  #join(id: BatchId): Line {
    const line = this.#lines.get(id) ?? { lock: Semaphore.makeUnsafe(1), length: 0 }
    line.length += 1
    this.#lines.set(id, line)
    return line
  }

  #leave(id: BatchId, line: Line): void {
    line.length -= 1
    if (line.length === 0) this.#lines.delete(id)
  }
}

/** Whether the last event was folded to its end: an illegal event, or a defect, may have left the fold half way. */
const isWhole = (exit: Exit.Exit<unknown, CorruptEntry | StoreUnavailable>): boolean =>
  Exit.isSuccess(exit) ||
  exit.cause.reasons.every(
    (reason) =>
      Cause.isInterruptReason(reason) ||
      (Cause.isFailReason(reason) && reason.error._tag === "StoreUnavailable"),
  )
