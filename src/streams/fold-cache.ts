import type { BatchId } from "../domain/identifiers.ts"
import type { BatchFold } from "./batch-fold.ts"

export interface FoldBounds {
  /** Items that all folds may hold together; a batch counts as one item at least. */
  readonly itemsMax: number
  /** Folds, whatever they hold. */
  readonly batchesMax?: number
}

/**
 * Folds of batches that were used lately, so that the next use reads only what was appended since. Bounded; the one that
 * was used longest ago goes first.
 *
 * A fold changes in place, so it is taken out while it is used: nobody else sees a state that runs ahead of its log, or
 * that was left half way. Whoever fails with it, or loses its batch, never puts it back.
 */
export class FoldCache<Fold extends BatchFold> {
  readonly #begin: (id: BatchId) => Fold
  readonly #itemsMax: number
  readonly #batchesMax: number
  readonly #folds = new Map<BatchId, Fold>()
  #items = 0

  /** `begin` makes the fold of a batch that is not known. */
  constructor(begin: (id: BatchId) => Fold, { itemsMax, batchesMax = itemsMax }: FoldBounds) {
    this.#begin = begin
    this.#itemsMax = itemsMax
    this.#batchesMax = batchesMax
  }

  /** Takes the fold of a batch; one that is not known, or known beyond a version, begins anew. */
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
