/**
 * Compares what the read models show of a batch with its log, folded to the version that is shown. A batch that goes on meanwhile is
 * compared again at its next version. What is shown of it and what was appended are two stores; so where the log has more than is
 * shown, the feed decides: if the projector has handled that already, rows were lost.
 */
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { visitEvents } from "../streams/event-range.ts"
import { CorruptEntry, EventStore, type LoggedEvent } from "../streams/event-store.ts"
import { Feed } from "../streams/feed.ts"
import { Partitions } from "../streams/partitions.ts"
import { type Difference, differencesOf, type NamedEvent } from "./difference.ts"
import { LiveRows, type RowDifference } from "./live-rows.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import { type ReadModelRows, readModelRows } from "./read-model-tables.ts"
import { PROJECTION } from "./read-models.ts"

/** How often a batch that goes on is compared again. */
const ATTEMPTS_MAX = 10
const PAGE_EVENTS = 512
const ITEMS_AT_ONCE_MAX = 5_000
/** Entries of a feed that are looked through. With more before the projector, nothing can be said of a batch that is behind. */
const PENDING_MAX = 2_000

export interface BatchAudit {
  readonly differences: ReadonlyArray<Difference>
  /** Whether it was compared: not if it had gone on each time. */
  readonly isCompared: boolean
}

/** A fold, and the types of its events by their versions. */
interface Audited {
  readonly fold: ProjectedBatch
  readonly types: Array<string>
}

/** Compares all rows of a batch. Without a log, any row is a difference. */
export const auditBatch = Effect.fn("auditBatch")(function* (id: BatchId) {
  const compared = yield* Effect.result(compareBatch(id))
  if (Result.isSuccess(compared)) return compared.success
  const { failure } = compared
  if (!(failure instanceof CorruptEntry)) return yield* failure
  const { entry, reason } = failure
  const difference: Difference = {
    kind: "unreadable",
    table: "log",
    batch: id,
    row: `entry ${entry}`,
    live: reason,
  }
  return { differences: [difference], isCompared: true } satisfies BatchAudit
})

const compareBatch = Effect.fnUntraced(function* (id: BatchId) {
  const { shown: shownOf } = yield* LiveRows
  let audited = begin(id)
  let shown = yield* shownOf(id)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const isBehind = yield* staysBehind(id, shown ?? 0)
    // Without a row of the batch, its other rows are what they should be without lag.
    const target = shown ?? (isBehind ? Number.POSITIVE_INFINITY : 0)
    if (audited.fold.batch.version > target) audited = begin(id)
    yield* foldAtMost(id, audited, target)
    const found = yield* compareRows(id, audited.fold)
    if (found.shown === shown) {
      const differences = found.differences.flatMap((row) => differencesOf(id, row, eventIn(audited)))
      return {
        differences: [...differences, ...(yield* aheadOrBehind(id, audited, shown, isBehind))],
        isCompared: true,
      }
    }
    shown = found.shown
  }
  return { differences: [], isCompared: false } satisfies BatchAudit
})

const begin = (id: BatchId): Audited => ({ fold: emptyProjection(id), types: [] })

const eventIn =
  ({ fold, types }: Audited) =>
  (of: { readonly item: number } | { readonly version: number }): NamedEvent | undefined => {
    const version = "version" in of ? of.version : fold.changes.get(of.item)?.version
    const type = version === undefined ? undefined : types[version - 1]
    return version === undefined || type === undefined ? undefined : { version, type }
  }

/** Folds up to a version, or to the end of the log before it. */
const foldAtMost = Effect.fnUntraced(function* (id: BatchId, { fold, types }: Audited, to: number) {
  const { read } = yield* EventStore
  const next = (recorded: LoggedEvent) => {
    project(fold, recorded)
    types.push(recorded.event._tag)
  }
  while (fold.batch.version < to) {
    const events = yield* read(
      id,
      fold.batch.version,
      Math.min(PAGE_EVENTS, to - fold.batch.version),
      fold.head,
    )
    if (events.length === 0) return
    yield* visitEvents(id, events, next)
  }
})

/** Compares slice by slice. Gives another version than the first slice had if the batch went on between them. */
const compareRows = Effect.fnUntraced(function* (id: BatchId, fold: ProjectedBatch) {
  const { compare } = yield* LiveRows
  const rows = readModelRows(id, fold)
  const differences: Array<RowDifference> = []
  let shown: number | undefined
  for (let after = 0; ; after += ITEMS_AT_ONCE_MAX) {
    const isLast = after + ITEMS_AT_ONCE_MAX >= rows.payout_items.length
    const to = isLast ? 2 ** 31 - 1 : after + ITEMS_AT_ONCE_MAX
    const slice: ReadModelRows = {
      ...rows,
      payout_items: rows.payout_items.filter(({ item }) => Number(item) > after && Number(item) <= to),
    }
    const found = yield* compare(id, slice, { after, to })
    if (after === 0) shown = found.shown
    else if (found.shown !== shown) return { shown: found.shown, differences: [] }
    differences.push(...found.differences.filter(({ table }) => after === 0 || table === "payout_items"))
    if (isLast) return { shown, differences }
  }
})

const aheadOrBehind = Effect.fnUntraced(function* (
  id: BatchId,
  { fold }: Audited,
  shown: number | undefined,
  isBehind: boolean,
): Effect.fn.Return<
  ReadonlyArray<Difference>,
  Effect.Error<ReturnType<EventStore["Service"]["read"]>>,
  EventStore
> {
  if (shown === undefined) return []
  const place = { table: "payout_batches", batch: id, column: "version", live: String(shown) } as const
  const { version } = fold.batch
  // Without any log all its rows are extra, which is said of each.
  if (version > 0 && version < shown) return [{ kind: "ahead", ...place, expected: `at most ${version}` }]
  if (!isBehind) return []
  const [next] = yield* (yield* EventStore).read(id, shown, 1)
  if (next === undefined) return []
  const event = { version: next.version, type: next.event._tag }
  return [{ kind: "behind", ...place, expected: `at least ${next.version}`, event }]
})

/** Whether the log has more than a version, and the projector has handled that, and yet the row does not show it. */
const staysBehind = Effect.fnUntraced(function* (id: BatchId, version: number) {
  const [store, { shown }, feed] = [yield* EventStore, yield* LiveRows, yield* Feed]
  const [next] = yield* store.read(id, version, 1)
  if (next === undefined) return false
  const partition = (yield* Partitions).of(id)
  const standing = yield* (yield* CursorStore).standing([PROJECTION])
  const cursor = standing.find((one) => one.partition === partition)
  const pending = yield* feed.entries(partition, cursor?.position ?? "0-0", PENDING_MAX).pipe(
    // A checkpoint that no feed has is a difference of its own.
    Effect.catchTag("HistoryLost", () => Effect.succeed([])),
  )
  if (pending.length >= PENDING_MAX) return false
  if (pending.some(({ batch, to }) => batch === id && to > version)) return false
  return ((yield* shown(id)) ?? 0) === version
})

/** Checkpoints that their feed does not have. */
export const auditCheckpoints = Effect.fn("auditCheckpoints")(function* () {
  const { entries } = yield* Feed
  const standing = yield* (yield* CursorStore).standing([PROJECTION])
  const found = yield* Effect.forEach(standing, ({ partition, position, head }) =>
    entries(partition, position, 1, head).pipe(
      Effect.as<ReadonlyArray<Difference>>([]),
      Effect.catchTag("HistoryLost", () =>
        Effect.succeed<ReadonlyArray<Difference>>([
          {
            kind: "ahead",
            table: "projection_checkpoints",
            row: `partition ${partition}`,
            column: "position",
            expected: "a position of the feed",
            live: position,
          },
        ]),
      ),
    ),
  )
  return found.flat()
})
