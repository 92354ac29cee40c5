/** A batch as its log tells it: for what the read models do not know yet, and while they do not answer. */
import { Effect, Semaphore } from "effect"
import { type Batch, batchState, emptyBatch } from "../domain/batch.ts"
import { evolve } from "../domain/evolve.ts"
import { type BatchId, isBatchId, type PartnerId } from "../domain/identifiers.ts"
import { formatAmount } from "../domain/money.ts"
import type { Caller } from "../identity/caller.ts"
import type { BatchView, Totals } from "../projections/batch-queries.ts"
import { type CorruptEntry, EventLog, type StreamsUnavailable } from "../streams/event-log.ts"
import { beginningOf, visitLog } from "../streams/event-range.ts"
import { NotFound } from "./failures.ts"

/** Logs folded at a time: a large one takes memory, and the read models soon know it. */
const FOLDS_MAX = 4

const folds = Semaphore.makeUnsafe(FOLDS_MAX)

export const noSuchBatch = new NotFound({ what: "payout batch" })

/** The batch of that id if it is the partner's own, by the first event of its log. */
export const ownBatch = Effect.fnUntraced(function* (partner: PartnerId, id: string) {
  if (!isBatchId(id)) return yield* noSuchBatch
  const log = yield* EventLog
  const [first] = yield* log.read(id, 0, 1)
  if (first?.event._tag !== "BatchReceived" || first.event.partner !== partner) return yield* noSuchBatch
  return id
})

/** Whose batches a caller asks about: a partner about its own; an operator about any, whoever's this one is. */
export const partnerOf = Effect.fnUntraced(function* (caller: Caller, id: string) {
  if (caller.kind === "partner") return caller.partner
  if (!isBatchId(id)) return yield* noSuchBatch
  const [first] = yield* (yield* EventLog).read(id, 0, 1)
  return first?.event._tag === "BatchReceived" ? first.event.partner : yield* noSuchBatch
})

/** Folds the log of a batch of the partner's. */
export const viewFromLog = (
  partner: PartnerId,
  id: BatchId,
): Effect.Effect<BatchView, CorruptEntry | NotFound | StreamsUnavailable, EventLog> =>
  Effect.map(Effect.andThen(ownBatch(partner, id), batchFromLog(id)), ({ batch, closedAt }) =>
    viewOf(id, batch, closedAt),
  )

/** Folds the log of a batch, at most {@link FOLDS_MAX} at a time. */
export const batchFromLog = (id: BatchId) => folds.withPermits(1)(foldLog(id))

const foldLog = Effect.fnUntraced(function* (id: BatchId) {
  const batch = emptyBatch()
  let closedAt: number | undefined
  const head = yield* visitLog(yield* EventLog, id, beginningOf(id), ({ event }) => {
    evolve(batch, event)
    if (event._tag === "BatchClosed") closedAt = event.at
  })
  return { batch, head, closedAt }
})

const viewOf = (id: BatchId, batch: Batch, closedAt: number | undefined): BatchView => ({
  id,
  reference: batch.reference,
  idempotencyKey: batch.idempotencyKey,
  state: batchState(batch),
  itemCount: batch.itemCount,
  totals: totalsOf(batch),
  version: batch.version,
  receivedAt: batch.receivedAt,
  updatedAt: batch.updatedAt,
  closedAt,
})

const totalsOf = ({ tallies }: Batch): Totals =>
  Object.fromEntries(
    [...tallies].map(([currency, states]) => [
      currency,
      Object.fromEntries(
        [...states]
          .filter(([, { count }]) => count > 0)
          .map(([state, { count, minor }]) => [state, { count, amount: formatAmount(minor, currency) }]),
      ),
    ]),
  )
