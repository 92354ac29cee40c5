/**
 * Verifies history: some batches, or all that any store knows. It only reads, page by page, so its memory does not grow with history.
 *
 * Of all history it first goes over the logs that only the archive has, then over those in Redis, then over those that left Redis
 * meanwhile; then over the names that other stores have, so that a log that is missing altogether is missed. A store that cannot
 * be reached ends it with a failure: what was not looked at is never called sound.
 */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublicProofKey } from "../proof/proof-key.ts"
import { AcceptedTransfers } from "./accepted-transfers.ts"
import { verifyGroup } from "./batch-verification.ts"
import { LogEvidence, type NamesPage, naming, RecordEvidence } from "./evidence.ts"
import { unannounced, verifyCursors, verifyFeed } from "./feed-verification.ts"
import { type Finding, keyOf } from "./finding.ts"
import { verifyLeaves, verifyTree } from "./tree-verification.ts"

/** Names that are read at a time, and batches and events that are held in memory at a time. */
const NAMES_MAX = 512
const GROUP_BATCHES_MAX = 64
const GROUP_EVENTS_MAX = 20_000
/** Groups at a time: one is read while the other is computed. */
const GROUPS_AT_A_TIME = 2
/** Logs ahead of the read models that are held in memory until they are looked for in the feeds: all, if the projector stands still. */
const UNSHOWN_MAX = 200_000
/** Findings of which repetitions are noticed. */
const KNOWN_MAX = 100_000

/** How far it came. */
export interface VerificationProgress {
  readonly batches: number
  readonly events: number
  readonly findings: number
}

export interface VerificationOptions {
  /** Called with each finding once, as soon as it is certain. */
  readonly onFinding?: (finding: Finding) => void
  /** Called after each group of batches. */
  readonly onProgress?: (progress: VerificationProgress) => void
  /** Only these keys may have signed roots; without any, those that are stored beside the roots. Batches by themselves have no roots. */
  readonly trustedKeys?: ReadonlyArray<PublicProofKey>
}

/** What it came to: sound if there are no findings. */
export type Verification = VerificationProgress

type Verifying<A> = Effect.Effect<A, StoreUnavailable, LogEvidence | RecordEvidence>

/** Verifies all of history in all stores. Fails if a store cannot be reached. */
export const verifyAll = (options: VerificationOptions = {}): Verifying<Verification> =>
  verification(options, (run) =>
    Effect.gen(function* () {
      const rows = yield* RecordEvidence
      const began = yield* rows.now
      yield* eachPage(namesOf(run, "archive"), (names) => run.absentFromRedis(names))
      yield* eachPage(
        (cursor) => run.logs.names(cursor, NAMES_MAX),
        (names) => run.verify(names),
      )
      yield* eachPage(
        inOrder((after) => rows.unlinkedSince(began, after, NAMES_MAX)),
        (names) => run.verify(names),
      )
      for (const store of naming)
        if (store !== "archive") yield* eachPage(namesOf(run, store), (names) => run.absentFromBoth(names))
      for (let partition = 0; partition < run.logs.partitions; partition += 1)
        yield* eachPage(
          (cursor) => run.logs.queued(partition, cursor, NAMES_MAX),
          (names) => run.absentFromBoth(names),
        )
      yield* run.compareFeeds()
      run.tell(yield* verifyCursors())
      yield* verifyTree(run.tell, options.trustedKeys)
    }),
  )

/** Verifies some batches in all stores, and what the feeds and the proof tree have of them. Whether a
 * bank accepted one transfer for two of all batches, only {@link verifyAll} says. Fails if a store cannot be reached. */
export const verifyBatches = (
  batches: ReadonlyArray<BatchId>,
  options: VerificationOptions = {},
): Verifying<Verification> =>
  verification(options, (run) =>
    Effect.gen(function* () {
      yield* run.verify(batches)
      yield* run.compareFeeds(batches)
      run.tell(yield* verifyLeaves(batches))
    }),
  )

const verification = (
  options: VerificationOptions,
  steps: (run: Run) => Verifying<void>,
): Verifying<Verification> =>
  Effect.scoped(
    Effect.gen(function* () {
      const accepted = yield* Effect.acquireRelease(
        Effect.sync(() => new AcceptedTransfers()),
        (accepted) => Effect.sync(() => accepted[Symbol.dispose]()),
      )
      const run = new Run(yield* LogEvidence, yield* RecordEvidence, accepted, options)
      yield* steps(run)
      for (const finding of accepted.shared()) run.tell([finding])
      return run.progress
    }),
  )

/** One verification, and what it has come to so far. */
class Run {
  readonly logs: LogEvidence["Service"]
  readonly rows: RecordEvidence["Service"]
  progress: VerificationProgress = { batches: 0, events: 0, findings: 0 }
  readonly #accepted: AcceptedTransfers
  readonly #options: VerificationOptions
  readonly #known = new Set<string>()
  /** The version of each log that was longer than the read models showed, until it is looked for in its feed. */
  readonly #unshown = new Map<BatchId, number>()

  constructor(
    logs: LogEvidence["Service"],
    rows: RecordEvidence["Service"],
    accepted: AcceptedTransfers,
    options: VerificationOptions,
  ) {
    this.logs = logs
    this.rows = rows
    this.#accepted = accepted
    this.#options = options
  }

  /** Tells findings, each once. */
  readonly tell = (findings: ReadonlyArray<Finding>): void => {
    const { batches, events } = this.progress
    for (const finding of findings) {
      const key = keyOf(finding)
      if (this.#known.has(key)) continue
      if (this.#known.size < KNOWN_MAX) this.#known.add(key)
      this.progress = { batches, events, findings: this.progress.findings + 1 }
      this.#options.onFinding?.(finding)
    }
  }

  /** Verifies batches, in groups that fit into memory. */
  verify(batches: ReadonlyArray<BatchId>): Verifying<void> {
    return Effect.flatMap(this.#groups([...new Set(batches)]), (groups) =>
      Effect.forEach(
        groups,
        (group) =>
          Effect.map(verifyGroup(group, this.#accepted), ({ events, findings, unshown }) => {
            this.tell(findings)
            for (const { batch, version } of unshown) this.#unshown.set(batch, version)
            this.progress = {
              batches: this.progress.batches + group.length,
              events: this.progress.events + events,
              findings: this.progress.findings,
            }
            this.#options.onProgress?.(this.progress)
          }),
        { concurrency: GROUPS_AT_A_TIME, discard: true },
      ),
    ).pipe(
      Effect.andThen(
        Effect.suspend(() => (this.#unshown.size > UNSHOWN_MAX ? this.compareFeeds() : Effect.void)),
      ),
    )
  }

  /** Compares the feeds with logs, all of them or those of some batches, and logs that are not shown yet with the feeds. */
  compareFeeds(only?: ReadonlyArray<BatchId>): Verifying<void> {
    return Effect.gen({ self: this }, function* () {
      const { partitions, partitionOf } = this.logs
      const asked = only === undefined ? undefined : new Set(only)
      const numbers = only?.map(partitionOf) ?? Array.from({ length: partitions }, (_, number) => number)
      for (const partition of new Set(numbers)) yield* verifyFeed(partition, asked, this.#unshown, this.tell)
      this.tell(yield* unannounced(this.#unshown))
      this.#unshown.clear()
    })
  }

  /** Verifies those that are not in Redis. */
  absentFromRedis(batches: ReadonlyArray<BatchId>): Verifying<void> {
    return Effect.flatMap(this.logs.lengths(batches), (lengths) =>
      this.verify(batches.filter((_, index) => lengths[index] === 0)),
    )
  }

  /** Verifies those that are neither in Redis nor in the archive. */
  absentFromBoth(batches: ReadonlyArray<BatchId>): Verifying<void> {
    return Effect.gen({ self: this }, function* () {
      const lengths = yield* this.logs.lengths(batches)
      const absent = batches.filter((_, index) => lengths[index] === 0)
      if (absent.length === 0) return
      const records = yield* this.rows.records(absent)
      yield* this.verify(absent.filter((_, index) => records[index]?.archived === undefined))
    })
  }

  /** A long log is a group by itself. */
  #groups(batches: ReadonlyArray<BatchId>): Verifying<ReadonlyArray<ReadonlyArray<BatchId>>> {
    return Effect.gen({ self: this }, function* () {
      if (batches.length <= 1) return [batches]
      const lengths = yield* this.logs.lengths(batches)
      const absent = batches.filter((_, index) => lengths[index] === 0)
      const records = absent.length === 0 ? [] : yield* this.rows.records(absent)
      const archived = new Map(absent.map((batch, index) => [batch, records[index]?.archived?.version ?? 0]))
      const groups: Array<Array<BatchId>> = []
      let [group, events]: [Array<BatchId>, number] = [[], 0]
      for (const [index, batch] of batches.entries()) {
        const length = lengths[index] || (archived.get(batch) ?? 0)
        if (group.length > 0 && (group.length >= GROUP_BATCHES_MAX || events + length > GROUP_EVENTS_MAX)) {
          groups.push(group)
          ;[group, events] = [[], 0]
        }
        group.push(batch)
        events += length
      }
      return group.length === 0 ? groups : [...groups, group]
    })
  }
}

type Pages<E> = (cursor: string) => Effect.Effect<NamesPage, E>

const eachPage = Effect.fnUntraced(function* <E, E2, R>(
  page: Pages<E>,
  use: (names: ReadonlyArray<BatchId>) => Effect.Effect<void, E2, R>,
) {
  let cursor: string | undefined = ""
  while (cursor !== undefined) {
    const { batches, next }: NamesPage = yield* page(cursor)
    if (batches.length > 0) yield* use(batches)
    cursor = next
  }
})

/** Pages of names that are read in order after the last one. */
const inOrder =
  <E>(after: (last: string) => Effect.Effect<ReadonlyArray<BatchId>, E>): Pages<E> =>
  (cursor) =>
    Effect.map(after(cursor), (batches) => ({
      batches,
      next: batches.length < NAMES_MAX ? undefined : batches.at(-1),
    }))

const namesOf = ({ rows }: Run, store: (typeof naming)[number]) =>
  inOrder((after) => rows.names(store, after, NAMES_MAX))
