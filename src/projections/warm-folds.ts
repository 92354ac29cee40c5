import type { BatchId } from "../domain/identifiers.ts"
import type { BatchFold } from "./batch-fold.ts"

/**
 * Folds of batches that were projected lately, so that the next chunk reads only what it brings. Bounded by the items
 * that they hold; the least recently used goes first. A fold is taken out while it is used: whoever fails with it
 * simply never puts it back.
 */
export class WarmFolds {
  readonly #folds = new Map<BatchId, BatchFold>()
  readonly #itemsMax: number
  #items = 0

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax
  }

  take(id: BatchId): BatchFold | undefined {
    const fold = this.#folds.get(id)
    if (fold !== undefined) {
      this.#folds.delete(id)
      this.#items -= fold.batch.items.size
    }
    return fold
  }

  put(id: BatchId, fold: BatchFold): void {
    this.take(id)
    this.#folds.set(id, fold)
    this.#items += fold.batch.items.size
    for (const oldest of this.#folds.keys()) {
      if (this.#items <= this.#itemsMax) break
      this.take(oldest)
    }
  }
}
