import type { BatchId } from "../domain/identifiers.ts"
import type { BatchFold } from "./batch-fold.ts"

export interface FoldBounds {
  /** Items in all folds together. A batch counts as at least one item. */
  readonly itemsMax: number
  /** Number of folds, whatever their size. */
  readonly batchesMax?: number
}

/**
 * Folds of recently used batches, so that the next use reads only newer events. Bounded; evicts the least recently used.
 *
 * A fold changes in place, so its user takes it out of the cache. Nobody else sees a state that is ahead of its log or half
 * changed. A user that fails, or loses the batch, never puts the fold back.
 */
export class FoldCache<Fold extends BatchFold> {
  readonly #begin: (id: BatchId) => Fold
  readonly #itemsMax: number
  readonly #batchesMax: number
  readonly #folds = new Map<BatchId, Fold>()
  #items = 0

  /** `begin` makes an empty fold for a batch that is not in the cache. */
  constructor(begin: (id: BatchId) => Fold, { itemsMax, batchesMax = itemsMax }: FoldBounds) {
    this.#begin = begin
    this.#itemsMax = itemsMax
    this.#batchesMax = batchesMax
  }

  /** Takes out the fold of a batch. Gives an empty one if the cache has none, or only one beyond `versionMax`. */
  take(id: BatchId, versionMax = Number.POSITIVE_INFINITY): Fold {
    const fold = this.#remove(id)
    return fold !== undefined && fold.batch.version <= versionMax ? fold : this.#begin(id)
  }

  put(id: BatchId, fold: Fold): void {
    this.#remove(id)
    this.#folds.set(id, fold)
    this.#items += weightOf(fold)
    for (const oldest of this.#folds.keys()) {
      if (this.#items <= this.#itemsMax && this.#folds.size <= this.#batchesMax) break
      this.#remove(oldest)
    }
  }

  #remove(id: BatchId): Fold | undefined {
    const fold = this.#folds.get(id)
    if (fold !== undefined) {
      this.#folds.delete(id)
      this.#items -= weightOf(fold)
    }
    return fold
  }
}

const weightOf = ({ batch }: BatchFold): number => Math.max(1, batch.items.size)
