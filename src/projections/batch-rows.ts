/** The rows of the read models, as JSON, made from a fold. Only the masked form of an account goes into them. */
import type { Finding, Item, ItemState } from "../domain/batch.ts"
import { batchState } from "../domain/batch.ts"
import { maskedAccount } from "../domain/beneficiary.ts"
import { nameOfFinding } from "../domain/clearance.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { BatchFold } from "./batch-fold.ts"
import type { ClearanceView, FindingView } from "./batch-queries.ts"

/** Per currency and item state that occurs; amounts in minor units as text. */
export type StoredTotals = Readonly<
  Record<string, Readonly<Partial<Record<ItemState, { readonly count: number; readonly minor: string }>>>>
>

/** A row of `payout_batches`; times in ISO 8601. */
export type BatchRow = ReturnType<typeof batchRow>

/** A row of `payout_items`; `minor` as text. */
export type ItemRow = ReturnType<typeof itemRow>

export const batchRow = (id: BatchId, fold: BatchFold) => {
  const { batch, closedAt } = fold
  return {
    id,
    partner: batch.partner,
    reference: batch.reference ?? null,
    idempotency_key: batch.idempotencyKey,
    state: batchState(batch),
    item_count: batch.itemCount,
    version: batch.version,
    received_at: isoTime(batch.receivedAt),
    updated_at: isoTime(batch.updatedAt),
    closed_at: closedAt === undefined ? null : isoTime(closedAt),
    totals: totalsOf(fold),
  }
}

/** The rows of some of a fold's items. */
export const itemRows = (id: BatchId, fold: BatchFold, items: Iterable<number>): ReadonlyArray<ItemRow> =>
  Array.from(items, (number) => {
    const item = fold.batch.items.get(number)
    const change = fold.changes.get(number)
    if (item === undefined || change === undefined) throw new Error(`item ${number} is not in the fold`)
    return itemRow(id, item, change.version, change.at)
  })

const itemRow = (batch: BatchId, item: Item, version: number, changedAt: number) => ({
  batch,
  item: item.item,
  reference: item.reference,
  beneficiary_name: item.beneficiary.name,
  account_masked: maskedAccount(item.beneficiary.account),
  currency: item.currency,
  minor: item.minor.toString(),
  state: item.state,
  ledger: item.ledger,
  bank: item.transfer?.bank ?? null,
  transfer_reference: item.transfer?.reference ?? null,
  attempt: item.transfer?.attempt ?? null,
  reason: item.reason ?? null,
  version,
  updated_at: isoTime(changedAt),
  clearance: clearanceOf(item),
})

const clearanceOf = ({ verdict, listVersion, payee, findings }: Item): ClearanceView | null =>
  verdict === undefined || listVersion === undefined
    ? null
    : {
        decision: verdict,
        listVersion,
        ...(payee === undefined ? {} : { payee }),
        ...(findings.length === 0 ? {} : { findings: findings.map(findingView) }),
      }

/** Reasons were cleaned before they were kept, so a release can name what is shown letter by letter. */
const findingView = ({ decision, released, ...finding }: Finding): FindingView => ({
  ...nameOfFinding(finding),
  decision,
  released,
})

const totalsOf = ({ batch: { tallies } }: BatchFold): StoredTotals =>
  Object.fromEntries(
    Array.from(tallies, ([currency, states]) => [
      currency,
      Object.fromEntries(
        Array.from(states)
          .filter(([, { count }]) => count > 0)
          .map(([state, { count, minor }]) => [state, { count, minor: minor.toString() }]),
      ),
    ]),
  )

const isoTime = (at: number): string => new Date(at).toISOString()
