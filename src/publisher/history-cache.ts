import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry, EventLog } from "../streams/event-log.ts"
import { beginningOf, visitRange } from "../streams/event-range.ts"
import { emptyHistory, type PublicHistory, tell } from "./public-history.ts"

/**
 * Histories of batches that were followed lately, so that the next entries of a batch need not be counted from its
 * first. Bounded by the items that they hold; the least recently used goes first. A history is taken out while it is
 * in use: who fails with it never puts it back.
 */
export class HistoryCache {
  readonly #log: EventLog["Service"]
  readonly #itemsMax: number
  readonly #histories = new Map<BatchId, PublicHistory>()
  #items = 0

  constructor(log: EventLog["Service"], itemsMax: number) {
    this.#log = log
    this.#itemsMax = itemsMax
  }

  /** The history of a batch as it was at a version: warm if it stands there, else read from the log. */
  takeAt(id: BatchId, version: number): Effect.Effect<PublicHistory, CorruptEntry | StoreUnavailable> {
    const warm = this.#take(id)
    return warm?.batch.version === version ? Effect.succeed(warm) : readHistory(this.#log, id, version)
  }

  put(history: PublicHistory): void {
    this.#take(history.id)
    this.#histories.set(history.id, history)
    this.#items += weightOf(history)
    for (const oldest of this.#histories.keys()) {
      if (this.#items <= this.#itemsMax) break
      this.#take(oldest)
    }
  }

  #take(id: BatchId): PublicHistory | undefined {
    const history = this.#histories.get(id)
    if (history !== undefined) {
      this.#histories.delete(id)
      this.#items -= weightOf(history)
    }
    return history
  }
}

/** A batch's items never change once it was accepted in full; until then it weighs what it will. */
const weightOf = ({ batch }: PublicHistory): number => batch.itemCount

const readHistory = Effect.fn("readHistory")(function* (
  log: EventLog["Service"],
  id: BatchId,
  version: number,
) {
  const history = emptyHistory(id)
  yield* visitRange(log, id, beginningOf(id), version, (recorded) => {
    tell(history, recorded)
    history.head = recorded.hash
  })
  return history
})
