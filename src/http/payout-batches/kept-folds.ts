/**
 * Folds of batches' logs, kept between requests. Requests for the same batch wait for each other, because a fold has one owner at a
 * time.
 *
 * A fold is consistent after each complete event. So it is also kept when its reader disconnects, or when the store stops
 * answering: the next request reads only the rest.
 */
import { Cause, Effect, Exit, Semaphore } from "effect"
import type { BatchId } from "../../domain/identifiers.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import type { BatchFold } from "../../streams/batch-fold.ts"
import type { CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { type FoldBounds, FoldCache } from "../../streams/fold-cache.ts"

/** The requests for one batch, which run one after the other. */
interface Line {
  readonly lock: Semaphore.Semaphore
  length: number
}

/** A fold while a request has it: the request may put another one in its place. */
export interface Taken<Fold> {
  fold: Fold
}

export interface KeptFoldsOptions<Fold> {
  readonly store: EventStore["Service"]
  readonly begin: (id: BatchId) => Fold
  readonly bounds: FoldBounds
  /** How many logs are read at a time. */
  readonly readsMax: number
}

export class KeptFolds<Fold extends BatchFold> {
  readonly #options: KeptFoldsOptions<Fold>
  readonly #kept: FoldCache<Fold>
  /** One for each batch with requests under way. */
  readonly #lines = new Map<BatchId, Line>()
  readonly #reading: Semaphore.Semaphore

  constructor(options: KeptFoldsOptions<Fold>) {
    this.#options = options
    this.#kept = new FoldCache(options.begin, options.bounds)
    this.#reading = Semaphore.makeUnsafe(options.readsMax)
  }

  /**
   * Passes the fold of a batch that is kept, or an empty one, to `use`, which folds on. One beyond `versionMax`, or whose last event is
   * not in the log any more because the store came back older, is not passed on.
   */
  readonly use = <A>(
    id: BatchId,
    use: (taken: Taken<Fold>) => Effect.Effect<A, CorruptEntry | StoreUnavailable>,
    versionMax?: number,
  ): Effect.Effect<A, CorruptEntry | StoreUnavailable> =>
    Effect.acquireUseRelease(
      Effect.sync(() => this.#join(id)),
      ({ lock }) => lock.withPermits(1)(this.#reading.withPermits(1)(this.#look(id, use, versionMax))),
      (line) => Effect.sync(() => this.#leave(id, line)),
    )

  readonly #look = <A>(
    id: BatchId,
    use: (taken: Taken<Fold>) => Effect.Effect<A, CorruptEntry | StoreUnavailable>,
    versionMax: number | undefined,
  ) => {
    const [{ store, begin }, kept] = [this.#options, this.#kept]
    return Effect.acquireUseRelease(
      Effect.sync((): Taken<Fold> => ({ fold: kept.take(id, versionMax) })),
      (taken) =>
        Effect.gen(function* () {
          const known = taken.fold
          const { version } = known.batch
          const [last] = version === 0 ? [] : yield* store.read(id, version - 1, 1)
          taken.fold = last?.hash === known.head ? known : begin(id)
          return yield* use(taken)
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
