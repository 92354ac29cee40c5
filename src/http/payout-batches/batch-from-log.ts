/** A batch from its log: for batches that the read models do not have yet, and while they do not answer. */
import { Clock, Effect } from "effect"
import type { Batch } from "../../domain/batch.ts"
import { type BatchId, isBatchId, type PartnerId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { mapTotals, shownBatch } from "../../domain/shown.ts"
import type { Caller } from "../../identity/caller.ts"
import type { BatchView } from "../../projections/batch-queries.ts"
import type { BatchFold } from "../../streams/batch-fold.ts"
import { EventStore } from "../../streams/event-store.ts"
import { NotFound, TooManyRequests } from "../edge/failures.ts"
import { TokenBuckets } from "../edge/token-buckets.ts"
import { BatchFolds } from "./batch-folds.ts"

/** The limit for one partner, in each process. */
const LOOKS_PER_SECOND = 100

const looks = new TokenBuckets(LOOKS_PER_SECOND)
const foldsOf = new WeakMap<EventStore["Service"], BatchFolds>()

export const noSuchBatch = new NotFound({ what: "payout batch" })

/** The id of a batch, if it is the partner's own by the first event of its log. */
export const ownBatch = Effect.fnUntraced(function* (partner: PartnerId, id: string) {
  if (!isBatchId(id)) return yield* noSuchBatch
  const store = yield* EventStore
  const [first] = yield* store.read(id, 0, 1)
  if (first?.event._tag !== "BatchReceived" || first.event.partner !== partner) return yield* noSuchBatch
  return id
})

/** The partner whose batches a caller may see: for a partner itself, for an operator the partner of this batch. */
export const partnerOf = Effect.fnUntraced(function* (caller: Caller, id: string) {
  if (caller.kind === "partner") return caller.partner
  if (!isBatchId(id)) return yield* noSuchBatch
  const [first] = yield* (yield* EventStore).read(id, 0, 1)
  return first?.event._tag === "BatchReceived" ? first.event.partner : yield* noSuchBatch
})

/** Counts a look of a partner into a log, or refuses it. */
export const takeLook = Effect.fnUntraced(function* (partner: PartnerId) {
  const retryAfterSeconds = looks.take(partner, yield* Clock.currentTimeMillis)
  if (retryAfterSeconds > 0)
    yield* new TooManyRequests({
      what: "reads of batches that are not visible yet, or as they were",
      retryAfterSeconds,
    })
})

/** A partner's batch from its log, at a limited rate for each partner. */
export const viewFromLog = Effect.fnUntraced(function* (partner: PartnerId, id: BatchId) {
  yield* takeLook(partner)
  yield* ownBatch(partner, id)
  return yield* batchFromLog(id, ({ batch }) => viewOf(id, batch))
})

/** Whether the log of a batch ends with a version. */
export const endsWith = Effect.fnUntraced(function* (id: BatchId, version: number) {
  return (yield* (yield* EventStore).read(id, version, 1)).length === 0
})

/** Passes the fold of a batch's log to `use`. */
export const batchFromLog = Effect.fnUntraced(function* <A>(
  id: BatchId,
  use: (folded: Readonly<BatchFold>) => A,
) {
  const store = yield* EventStore
  const folds = foldsOf.get(store) ?? new BatchFolds(store)
  foldsOf.set(store, folds)
  return yield* folds.show(id, use)
})

const viewOf = (id: BatchId, batch: Batch): BatchView => {
  const { partner: _, totals, ...shown } = shownBatch(batch)
  return {
    id,
    ...shown,
    totals: mapTotals(totals, ({ count, minor }, currency) => ({
      count,
      amount: formatAmount(minor, currency),
    })),
  }
}
