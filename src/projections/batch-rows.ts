/** The rows of the read models, as JSON, made from a batch as it is shown. */
import type { BatchId } from "../domain/identifiers.ts"
import type { PublicItemState } from "../domain/item-state.ts"
import { mapTotals, type ShownItem, shownBatch, shownItem } from "../domain/shown.ts"
import type { Change, ProjectedBatch } from "./projected-batch.ts"

/** Per currency and item state. Amounts are in minor units, as text. */
export type StoredTotals = Readonly<
  Record<
    string,
    Readonly<Partial<Record<PublicItemState, { readonly count: number; readonly minor: string }>>>
  >
>

/** A row of `payout_batches`. Times are in ISO 8601. */
export type BatchRow = ReturnType<typeof batchRow>

/** A row of `payout_items`. `minor` is text. */
export type ItemRow = ReturnType<typeof itemRow>

export const batchRow = (id: BatchId, fold: ProjectedBatch) => {
  const shown = shownBatch(fold.batch)
  const totals: StoredTotals = mapTotals(shown.totals, ({ count, minor }) => ({
    count,
    minor: minor.toString(),
  }))
  return {
    id,
    partner: shown.partner,
    reference: shown.reference ?? null,
    idempotency_key: shown.idempotencyKey,
    state: shown.state,
    item_count: shown.itemCount,
    version: shown.version,
    head: fold.head,
    received_at: isoTime(shown.receivedAt),
    updated_at: isoTime(shown.updatedAt),
    closed_at: shown.closedAt === undefined ? null : isoTime(shown.closedAt),
    totals,
    execute_at: shown.executeAt === undefined ? null : isoTime(shown.executeAt),
    duplicates: shown.duplicates ?? null,
    rejected_rows: shown.rejectedRows ?? null,
    approval: shown.approval ?? null,
    expected_arrivals: shown.expectedArrivals ?? null,
  }
}

/** The rows of some of a batch's items. */
export const itemRows = (
  id: BatchId,
  { batch, changes }: ProjectedBatch,
  items: Iterable<number>,
): ReadonlyArray<ItemRow> =>
  Array.from(items, (number) => {
    const item = batch.items.get(number)
    const change = changes.get(number)
    if (item === undefined || change === undefined) throw new Error(`item ${number} is not in the fold`)
    return itemRow(id, shownItem(item), change)
  })

const itemRow = (batch: BatchId, shown: ShownItem, { version, at }: Change) => ({
  batch,
  item: shown.item,
  reference: shown.reference,
  beneficiary_name: shown.beneficiaryName,
  account_masked: shown.account,
  currency: shown.currency,
  minor: shown.minor.toString(),
  state: shown.state,
  ledger: shown.ledger,
  bank: shown.bank ?? null,
  transfer_reference: shown.transferReference ?? null,
  attempt: shown.attempt ?? null,
  reason: shown.reason ?? null,
  version,
  updated_at: isoTime(at),
  clearance: shown.clearance ?? null,
  transfer_id: shown.transferId ?? null,
})

/** Remembers the last one, because one event changes many items at the same time. */
const isoTime = (at: number): string => {
  if (at !== last.at) last = { at, text: new Date(at).toISOString() }
  return last.text
}

let last = { at: 0, text: new Date(0).toISOString() }
