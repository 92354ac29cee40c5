/** Folds of batches as they are now: a request reads only what was appended since the last one. */
import { Effect } from "effect"
import type { BatchId } from "../../domain/identifiers.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type BatchFold, emptyFold, foldLog } from "../../streams/batch-fold.ts"
import type { CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { KeptFolds } from "./kept-folds.ts"

/** The most items of all kept batches together: some 100 MB. One batch may have half as many. */
const ITEMS_MAX = 200_000
const BATCHES_MAX = 1_000
/** How many logs are read at a time. */
const FOLDS_MAX = 4

export class BatchFolds {
  readonly #store: EventStore["Service"]
  readonly #folds: KeptFolds<BatchFold>

  constructor(store: EventStore["Service"]) {
    this.#store = store
    this.#folds = new KeptFolds({
      store,
      begin: emptyFold,
      bounds: { itemsMax: ITEMS_MAX, batchesMax: BATCHES_MAX },
      readsMax: FOLDS_MAX,
    })
  }

  /** Passes the fold of the present log to `use`, which copies what it needs: the fold changes with the next request. */
  readonly show = <A>(
    id: BatchId,
    use: (folded: Readonly<BatchFold>) => A,
  ): Effect.Effect<A, CorruptEntry | StoreUnavailable> =>
    this.#folds.use(id, ({ fold }) => Effect.map(foldLog(this.#store, id, fold), () => use(fold)))
}
