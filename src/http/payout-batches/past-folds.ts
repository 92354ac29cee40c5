/**
 * Folds of batches as they were, apart from those of the present. One is kept for each batch, as of what was asked for last: the next
 * page of a list needs no other, and a later moment reads only what is between.
 */
import { Effect } from "effect"
import type { BatchId } from "../../domain/identifiers.ts"
import type { Moment } from "../../domain/moment.ts"
import { turn } from "../../parsing/turns.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { emptyPast, foldPast, type PastBatch } from "../../projections/past-batch.ts"
import { visitEvents } from "../../streams/event-range.ts"
import type { CorruptEntry, EventStore, LoggedEvent } from "../../streams/event-store.ts"
import { KeptFolds, type Taken } from "./kept-folds.ts"

/** The most items of all kept batches together: some 70 MB. A batch of the largest size fits. */
const ITEMS_MAX = 100_000
const BATCHES_MAX = 200
/** How many logs are read at a time. */
const FOLDS_MAX = 2
/**
 * Events that are read and folded without a break. While a log still adds items, one event has up to five hundred, so a slice
 * takes some tens of milliseconds. Later ones stand for some dozens of events at most.
 */
const SLICE_OF_ITEMS = 8
const SLICE = 64

/** As of a version, the fold may be of an earlier one: then the log ends there. As of a time before the first event, it is empty. */
export class PastFolds {
  readonly #store: EventStore["Service"]
  readonly #folds: KeptFolds<PastBatch>

  constructor(store: EventStore["Service"]) {
    this.#store = store
    this.#folds = new KeptFolds({
      store,
      begin: emptyPast,
      bounds: { itemsMax: ITEMS_MAX, batchesMax: BATCHES_MAX },
      readsMax: FOLDS_MAX,
    })
  }

  /**
   * Passes the fold as of a moment to `use`, which copies what it needs: the fold changes with the next request. A time stands for the
   * log before the first event that is later, so an event that is later is never in it, even where the clocks of workers differ.
   */
  readonly show = <A>(
    id: BatchId,
    moment: Moment,
    use: (folded: Readonly<PastBatch>) => A,
  ): Effect.Effect<A, CorruptEntry | StoreUnavailable> =>
    this.#folds.use(
      id,
      (taken) => Effect.map(foldUpTo(this.#store, id, taken, moment), () => use(taken.fold)),
      "version" in moment ? moment.version : undefined,
    )
}

const foldUpTo = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  id: BatchId,
  taken: Taken<PastBatch>,
  moment: Moment,
) {
  if ("instant" in moment && taken.fold.latestAt > moment.instant) taken.fold = emptyPast(id)
  const { fold } = taken
  while (true) {
    const { version, items, itemCount } = fold.batch
    const slice = items.size < itemCount || version === 0 ? SLICE_OF_ITEMS : SLICE
    const count = "version" in moment ? Math.min(slice, moment.version - version) : slice
    if (count === 0) return
    const events = yield* store.read(id, version, count, fold.head)
    const wanted = "version" in moment ? events : upTo(events, moment.instant)
    yield* visitEvents(id, wanted, (recorded) => foldPast(fold, recorded))
    if (wanted.length < count) return
    yield* turn
  }
})

/** The events before the first one that is later than a time. */
const upTo = (events: ReadonlyArray<LoggedEvent>, instant: number): ReadonlyArray<LoggedEvent> => {
  const later = events.findIndex(({ event }) => event.at > instant)
  return later === -1 ? events : events.slice(0, later)
}
