import type { BatchId } from "../domain/identifiers.ts"
import type { Span } from "../traces/span.ts"

/** Batches that are remembered, of those that no trace is recorded of. */
const BATCHES_MAX = 4_096
/** Spans of calls of one batch, the last ones, and of all batches. */
export const CALLS_MAX = 64
const ALL_CALLS_MAX = 16_384

/** What a worker remembers of a batch, in case that its trace is to be kept. */
export interface Remembered {
  /** Each makes its span: of most batches none is wanted. */
  calls: Array<() => Span>
  /** A call failed, or the log says that something went wrong. */
  isTroubled: boolean
  /** Its trace is exported, although it was not recorded from its beginning. */
  isKept: boolean
}

/**
 * The spans of calls of batches whose traces are not recorded, until it is known whether one is to be kept. A batch that was
 * remembered longest is forgotten first: its trace then has what the log has.
 */
export class KeptTraces {
  readonly #batches = new Map<BatchId, Remembered>()
  #calls = 0

  of(batch: BatchId): Remembered {
    const known = this.#batches.get(batch)
    if (known !== undefined) return known
    const remembered: Remembered = { calls: [], isTroubled: false, isKept: false }
    this.#batches.set(batch, remembered)
    if (this.#batches.size > BATCHES_MAX) this.#forgetFirst()
    return remembered
  }

  /** What is remembered of a batch, if anything is. */
  seen(batch: BatchId): Remembered | undefined {
    return this.#batches.get(batch)
  }

  remember(batch: BatchId, span: () => Span): void {
    const { calls } = this.of(batch)
    if (calls.length >= CALLS_MAX) calls.shift()
    else this.#calls += 1
    calls.push(span)
    while (this.#calls > ALL_CALLS_MAX) this.#forgetFirst()
  }

  /** Takes the spans of a batch out of memory. */
  takeCalls(batch: BatchId): ReadonlyArray<Span> {
    return this.#takeCalls(batch).map((span) => span())
  }

  #takeCalls(batch: BatchId): Remembered["calls"] {
    const remembered = this.#batches.get(batch)
    if (remembered === undefined) return []
    const { calls } = remembered
    remembered.calls = []
    this.#calls -= calls.length
    return calls
  }

  forget(batch: BatchId): void {
    this.#takeCalls(batch)
    this.#batches.delete(batch)
  }

  #forgetFirst(): void {
    const [first] = this.#batches.keys()
    if (first !== undefined) this.forget(first)
  }
}
