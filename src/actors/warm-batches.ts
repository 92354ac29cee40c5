import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { PayLine } from "../domain/pay-line.ts"
import type { Backoff } from "./backoff.ts"

/** What an actor leaves behind for its next activation: the folded state, and how its providers were doing. */
export interface Warm {
  readonly batch: Batch
  /** The hash of the log up to the state's version. */
  readonly head: string
  /** In which epoch of the stores the log was last compared with what the registers know of it. */
  readonly compared: string | undefined
  /** Ids of the decisions that were answered last: their mail may come later than the register tells of them. */
  readonly answered: Set<string>
  readonly backoff: Backoff
  /** Where what is to be paid goes by the rules of this process. */
  readonly line: PayLine
}

/**
 * States of batches that were active lately, so that the next activation reads only what was appended since. Bounded
 * by the items that they hold; the least recently used goes first. A state is taken out while an actor uses it: a
 * failed actor simply never puts it back.
 */
export class WarmBatches {
  readonly #batches = new Map<BatchId, Warm>()
  readonly #itemsMax: number
  #items = 0

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax
  }

  take(id: BatchId): Warm | undefined {
    const warm = this.#batches.get(id)
    if (warm !== undefined) {
      this.#batches.delete(id)
      this.#items -= warm.batch.items.size
    }
    return warm
  }

  put(id: BatchId, warm: Warm): void {
    this.take(id)
    this.#batches.set(id, warm)
    this.#items += warm.batch.items.size
    for (const oldest of this.#batches.keys()) {
      if (this.#items <= this.#itemsMax) break
      this.take(oldest)
    }
  }
}
