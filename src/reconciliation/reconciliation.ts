/**
 * Reconciles a day (UTC): what the logs say was settled and came back, against the banks' statements and the ledger's
 * books.
 *
 *   1. wait     until the read models know all that the logs know, or give up
 *   2. read     the others' books, whole, put together by batch
 *   3. compare  each batch that was alive on the day, from its log; then each that only the others know of that day
 *   4. store    and tell
 *
 * A source that cannot be read is an error, and then nothing is stored: it is never taken for one without records.
 */
import { Clock, Effect, Schedule, Schema } from "effect"
import type { Day } from "../domain/business-days.ts"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import { PROJECTION } from "../projections/read-models.ts"
import type { LedgerLine, Source, StatementEntry } from "../providers/books.ts"
import { CursorStore, FEED_START } from "../streams/cursor-store.ts"
import { beginningOf, visitLog } from "../streams/event-range.ts"
import { EventStore } from "../streams/event-store.ts"
import { Feed } from "../streams/feed.ts"
import { Partitions } from "../streams/partitions.ts"
import { compareBatch, unknownPayments, unusedStatements } from "./comparison.ts"
import { type Discrepancy, discrepancyId } from "./discrepancy.ts"
import { DiscrepancyTeller } from "./discrepancy-teller.ts"
import { emptyLoggedBatch, note } from "./logged-batch.ts"
import { type BatchRecords, noRecords, readBooks } from "./records.ts"
import { type Reconciliation, ReconciliationResults } from "./results.ts"

/** The read models lag so far behind the logs that nobody knows which batches there are. */
export class ReadModelsBehind extends Schema.TaggedError<ReadModelsBehind>()("ReadModelsBehind", {}) {
  override get message() {
    return "the read models are behind the logs: is a projector running?"
  }
}

/** So much differs that a source must be wrong as a whole. */
export class TooManyDiscrepancies extends Schema.TaggedError<TooManyDiscrepancies>()(
  "TooManyDiscrepancies",
  {},
) {
  override get message() {
    return `more than ${DISCREPANCIES_MAX} discrepancies: a source must be wrong as a whole`
  }
}

const BATCHES_PER_PAGE = 500
const DISCREPANCIES_MAX = 20_000
const CATCH_UP = { schedule: Schedule.spaced("250 millis"), times: 120 }

export interface ReconciliationSources {
  readonly statements: Source<StatementEntry>
  readonly ledger: Source<LedgerLine>
}

export const reconcile = Effect.fn("reconcile")(function* (
  day: Day,
  { statements, ledger }: ReconciliationSources,
) {
  const results = yield* ReconciliationResults
  yield* caughtUp.pipe(Effect.retry({ ...CATCH_UP, while: ({ _tag }) => _tag === "ReadModelsBehind" }))
  const books = yield* readBooks(day, statements, ledger)
  const findings = new Findings(day)
  yield* findings.add([...unusedStatements(books.unused), ...unknownPayments(books.foreign)])
  let batches = 0
  const compare = Effect.fnUntraced(function* (batch: string, records: BatchRecords) {
    const logged = isBatchId(batch) ? yield* readLogged(batch) : undefined
    yield* findings.add(compareBatch(day, batch, logged, records))
    batches += 1
  })
  let page: ReadonlyArray<BatchId> = []
  do {
    page = yield* results.aliveOn(day, page.at(-1) ?? "", BATCHES_PER_PAGE)
    for (const batch of page) {
      yield* compare(batch, books.batches.get(batch) ?? noRecords())
      books.batches.delete(batch)
    }
  } while (page.length === BATCHES_PER_PAGE)
  for (const [batch, records] of books.batches) if (isOf(day, records)) yield* compare(batch, records)
  const run: Reconciliation = {
    day,
    at: yield* Clock.currentTimeMillis,
    compared: { batches, statementEntries: books.entryCount, ledgerLines: books.lineCount },
    discrepancies: findings.all,
  }
  yield* results.store(run)
  yield* (yield* DiscrepancyTeller).tell(run)
  return run
})

/** Fails while a partition's events are not all in the read models. */
const caughtUp = Effect.gen(function* () {
  const [partitions, feed] = [yield* Partitions, yield* Feed]
  const positions = yield* (yield* CursorStore).positions(PROJECTION)
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const untold = yield* feed.entries(partition, positions.get(partition) ?? FEED_START, 1)
    if (untold.length > 0) return yield* new ReadModelsBehind()
  }
})

/** What the log of a batch says, verified link by link; `undefined` when there is none. */
const readLogged = Effect.fnUntraced(function* (batch: BatchId) {
  const logged = emptyLoggedBatch()
  yield* visitLog(yield* EventStore, batch, beginningOf(batch), ({ event }) => note(logged, event))
  return logged.items.size === 0 ? undefined : logged
})

const isOf = (day: Day, { entries, lines }: BatchRecords): boolean =>
  entries.some(({ bookedOn }) => bookedOn === day) || lines.some(({ bookedOn }) => bookedOn === day)

/** Discrepancies by their ids: what is found twice is one. */
class Findings {
  readonly #day: Day
  readonly #byId = new Map<string, Discrepancy>()

  constructor(day: Day) {
    this.#day = day
  }

  get all(): ReadonlyArray<Discrepancy> {
    return [...this.#byId.values()]
  }

  add(found: ReadonlyArray<Discrepancy>): Effect.Effect<void, TooManyDiscrepancies> {
    for (const discrepancy of found) this.#byId.set(discrepancyId(this.#day, discrepancy), discrepancy)
    return this.#byId.size > DISCREPANCIES_MAX ? Effect.fail(new TooManyDiscrepancies()) : Effect.void
  }
}
