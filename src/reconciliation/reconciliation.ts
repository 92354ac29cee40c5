/**
 * Reconciles a day (UTC): compares what settled and was returned by the logs with the banks' statements and the ledger's
 * books.
 *
 *   1. wait     until the read models have caught up with the logs, or fail
 *   2. read     the books of the banks and the ledger, completely, grouped by batch
 *   3. compare  each batch that changed on the day, from its log; then each batch that only the books have for that day
 *   4. store    the result, and notify
 *
 * A source that cannot be read is an error, and nothing is stored: it never counts as a source without records.
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
import { compareBatch, unclearEntries, unknownPayments, unusedStatements } from "./comparison.ts"
import { type Discrepancy, discrepancyId } from "./discrepancy.ts"
import { DiscrepancyNotifier } from "./discrepancy-notifier.ts"
import { ExplainedSums, explainedOf } from "./explained-amounts.ts"
import { emptyLoggedBatch, note } from "./logged-batch.ts"
import { type BatchRecords, noRecords, readBooks } from "./records.ts"
import { type Reconciliation, ReconciliationResults } from "./results.ts"

/** The read models are so far behind the logs that the list of batches is incomplete. */
export class ReadModelsBehind extends Schema.TaggedError<ReadModelsBehind>()("ReadModelsBehind", {}) {
  override get message() {
    return "the read models are behind the logs: is a projector running?"
  }
}

/** There are so many differences that a whole source must be wrong. */
export class TooManyDiscrepancies extends Schema.TaggedError<TooManyDiscrepancies>()(
  "TooManyDiscrepancies",
  {},
) {
  override get message() {
    return `more than ${DISCREPANCIES_MAX} discrepancies: a whole source must be wrong`
  }
}

const BATCHES_PER_PAGE = 500
const DISCREPANCIES_MAX = 20_000
const CATCH_UP = { schedule: Schedule.spaced("250 millis"), times: 120 }

export interface ReconciliationSources {
  readonly statements: Source<StatementEntry>
  readonly ledger: Source<LedgerLine>
}

/**
 * Reconciles a day (UTC), stores the result and publishes its discrepancies. Fails if the read models are behind, a source or
 * a store cannot be read, there are too many discrepancies, or they cannot be published.
 */
export const reconcile = Effect.fn("reconcile")(function* (
  day: Day,
  { statements, ledger }: ReconciliationSources,
) {
  const results = yield* ReconciliationResults
  yield* caughtUp.pipe(Effect.retry({ ...CATCH_UP, while: ({ _tag }) => _tag === "ReadModelsBehind" }))
  const books = yield* readBooks(day, statements, ledger)
  const findings = new Findings(day)
  yield* findings.add([
    ...unusedStatements(books.unused),
    ...unknownPayments(books.foreign),
    ...unclearEntries(books.unclear),
  ])
  const explained = new ExplainedSums()
  let batches = 0
  const compare = Effect.fnUntraced(function* (batch: string, records: BatchRecords) {
    const logged = isBatchId(batch) ? yield* readLogged(batch) : undefined
    yield* findings.add(compareBatch(day, batch, logged, records))
    if (logged !== undefined) explained.add(explainedOf(day, batch, logged, records.entries))
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
    explained: explained.all,
  }
  yield* results.store(run)
  yield* (yield* DiscrepancyNotifier).notify(run)
  return run
})

/** Fails while the read models lack events of any partition. */
const caughtUp = Effect.gen(function* () {
  const [partitions, feed] = [yield* Partitions, yield* Feed]
  const positions = yield* (yield* CursorStore).positions(PROJECTION)
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const missing = yield* feed.entries(partition, positions.get(partition) ?? FEED_START, 1)
    if (missing.length > 0) return yield* new ReadModelsBehind()
  }
})

/** Folds the log of a batch and verifies its hash chain; `undefined` if there is no log. */
const readLogged = Effect.fnUntraced(function* (batch: BatchId) {
  const logged = emptyLoggedBatch()
  yield* visitLog(yield* EventStore, batch, beginningOf(batch), ({ event }) => note(logged, event))
  return logged.items.size === 0 ? undefined : logged
})

const isOf = (day: Day, { entries, lines }: BatchRecords): boolean =>
  entries.some(({ bookedOn }) => bookedOn === day) || lines.some(({ bookedOn }) => bookedOn === day)

/** Discrepancies by id, so that one found twice counts once. */
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
