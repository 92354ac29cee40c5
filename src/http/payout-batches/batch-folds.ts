/**
 * Batches as their logs tell them, kept between requests. A request reads what was appended since the last one, not the
 * whole log; what is kept is bounded by the items that it holds, and the one that was used longest ago goes first.
 *
 * Before it goes on, a fold makes sure that the last event it knows is still the one in the log: a store that came back
 * older has its batches folded anew, and so is a batch whose fold was left half way, further than its hash.
 */
import { Effect, Semaphore } from "effect"
import { type Batch, emptyBatch } from "../../domain/batch.ts"
import { evolve } from "../../domain/evolve.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import type { CorruptEntry, EventLog } from "../../streams/event-log.ts"
import { beginningOf, visitLog } from "../../streams/event-range.ts"

/** Items of all batches that are kept: some 100 MB. One batch may have half as many. */
const ITEMS_MAX = 200_000
const BATCHES_MAX = 1_000
/** Logs read at a time. */
const FOLDS_MAX = 4

/** A batch as far as its log was read. It changes with the next look: whoever is shown it takes what it needs. */
export interface FoldedBatch {
  readonly batch: Batch
  readonly closedAt: number | undefined
  /** The hash of its log so far. */
  readonly head: string
}

interface Fold {
  batch: Batch
  closedAt: number | undefined
  head: string
  readonly lock: Semaphore.Semaphore
}

export class BatchFolds {
  readonly #log: EventLog["Service"]
  /** The one that was used longest ago first. */
  readonly #kept = new Map<BatchId, Fold>()
  readonly #reading = Semaphore.makeUnsafe(FOLDS_MAX)

  constructor(log: EventLog["Service"]) {
    this.#log = log
  }

  /** Shows a batch, as its log is now, to `use`. */
  readonly show = <A>(
    id: BatchId,
    use: (folded: FoldedBatch) => A,
  ): Effect.Effect<A, CorruptEntry | StoreUnavailable> =>
    Effect.suspend(() => {
      const fold = this.#kept.get(id) ?? { ...beginning(id), lock: Semaphore.makeUnsafe(1) }
      this.#kept.delete(id)
      this.#kept.set(id, fold)
      const advanced = this.#reading.withPermits(1)(this.#advance(id, fold))
      return fold.lock.withPermits(1)(Effect.map(advanced, () => use(fold)))
    })

  readonly #advance = (id: BatchId, fold: Fold): Effect.Effect<void, CorruptEntry | StoreUnavailable> => {
    const log = this.#log
    return Effect.gen(function* () {
      const { version } = fold.batch
      const [last] = version === 0 ? [] : yield* log.read(id, version - 1, 1)
      if (last?.hash !== fold.head) Object.assign(fold, beginning(id))
      const after = { version: fold.batch.version, head: fold.head }
      fold.head = yield* visitLog(log, id, after, ({ event }) => {
        evolve(fold.batch, event)
        if (event._tag === "BatchClosed") fold.closedAt = event.at
      })
    }).pipe(Effect.ensuring(Effect.sync(() => this.#forgetOldest())))
  }

  #forgetOldest(): void {
    let items = 0
    for (const { batch } of this.#kept.values()) items += batch.items.size
    for (const [id, { batch }] of this.#kept) {
      if (items <= ITEMS_MAX && this.#kept.size <= BATCHES_MAX) return
      this.#kept.delete(id)
      items -= batch.items.size
    }
  }
}

const beginning = (id: BatchId) => ({
  batch: emptyBatch(),
  closedAt: undefined,
  head: beginningOf(id).head,
})
