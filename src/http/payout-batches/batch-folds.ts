/**
 * Folds of batches' logs, kept between requests: a request reads only what was appended since the last one. Requests for
 * the same batch wait for each other, because a fold has one owner at a time.
 *
 * Before it continues a fold, a request checks that the last folded event is still in the log. If the store came back
 * older, the batch is folded anew.
 *
 * A fold is consistent after each complete event. So it is also kept when its reader disconnects, or when the store stops
 * answering: the next request reads only the rest.
 */
import { Cause, Effect, Exit, Semaphore } from "effect"
import type { BatchId } from "../../domain/identifiers.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type BatchFold, emptyFold, foldLog } from "../../streams/batch-fold.ts"
import type { CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { FoldCache } from "../../streams/fold-cache.ts"

/** The most items of all kept batches together: some 100 MB. One batch may have half as many. */
const ITEMS_MAX = 200_000
const BATCHES_MAX = 1_000
/** How many logs are read at a time. */
const FOLDS_MAX = 4

/** The requests for one batch, which run one after the other. */
interface Line {
  readonly lock: Semaphore.Semaphore
  length: number
}

export class BatchFolds {
  readonly #store: EventStore["Service"]
  readonly #kept = new FoldCache(emptyFold, { itemsMax: ITEMS_MAX, batchesMax: BATCHES_MAX })
  /** One for each batch with requests under way. */
  readonly #lines = new Map<BatchId, Line>()
  readonly #reading = Semaphore.makeUnsafe(FOLDS_MAX)

  constructor(store: EventStore["Service"]) {
    this.#store = store
  }

  /** Passes the fold of the present log to `use`, which copies what it needs: the fold changes with the next request. */
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

/** Whether the last event was folded completely; an illegal event or a defect may have interrupted it half-way. */
const isWhole = (exit: Exit.Exit<unknown, CorruptEntry | StoreUnavailable>): boolean =>
  Exit.isSuccess(exit) ||
  exit.cause.reasons.every(
    (reason) =>
      Cause.isInterruptReason(reason) ||
      (Cause.isFailReason(reason) && reason.error._tag === "StoreUnavailable"),
  )
