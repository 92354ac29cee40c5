/** Rows of the read models as they are shown. */
import { type BankRemarkKind, readRemark } from "../domain/bank-remark.ts"
import type { BatchState, LedgerState } from "../domain/batch.ts"
import type { Duplicates } from "../domain/duplicates.ts"
import type { FailureCategory } from "../domain/failure-codes.ts"
import { type BatchId, parseTransferReference } from "../domain/identifiers.ts"
import type { PublicItemState } from "../domain/item-state.ts"
import { formatAmount } from "../domain/money.ts"
import type { ShownApproval } from "../domain/shown.ts"
import type {
  AttemptView,
  BankRemarkView,
  BatchView,
  ClearanceView,
  ItemView,
  Totals,
} from "./batch-queries.ts"
import type { StoredAttempt, StoredTotals } from "./batch-rows.ts"

export const pageSize = (limit: number, max: number): number => Math.max(1, Math.min(Math.trunc(limit), max))

/** One entry more than the page's size was read: it shows that there is a next page. */
export const page = <A>(found: ReadonlyArray<A>, size: number, cursorOf: (last: A) => string) => {
  const entries = found.slice(0, size)
  const last = entries.at(-1)
  return { entries, next: found.length > size && last !== undefined ? cursorOf(last) : undefined }
}

export interface BatchRowRead {
  readonly id: BatchId
  readonly reference: string | null
  readonly idempotency_key: string
  readonly state: BatchState
  readonly item_count: number
  readonly totals: StoredTotals
  readonly duplicates: Duplicates | null
  readonly rejected_rows: number | null
  readonly version: number
  readonly received_at: Date
  readonly updated_at: Date
  readonly closed_at: Date | null
  readonly execute_at: Date | null
  readonly approval: ShownApproval | null
  readonly expected_arrivals: BatchView["expectedArrivals"] | null
}

export interface ItemRowRead {
  readonly item: number
  readonly reference: string
  readonly beneficiary_name: string
  readonly account_masked: string
  readonly currency: string
  readonly minor: string
  readonly state: PublicItemState
  readonly ledger: LedgerState
  readonly bank: string | null
  readonly transfer_reference: string | null
  readonly transfer_id: string | null
  readonly attempt: number | null
  readonly reason: string | null
  readonly version: number
  readonly updated_at: Date
  readonly clearance: ClearanceView | null
  readonly attempt_state: AttemptView["state"] | null
  readonly attempt_code: string | null
  readonly attempt_category: FailureCategory | null
  readonly requested_at: Date | null
  readonly concluded_at: Date | null
  readonly earlier_attempts: ReadonlyArray<StoredAttempt> | null
}

export interface RemarkRowRead {
  readonly bank: string
  readonly reference: string
  readonly kind: BankRemarkKind
  readonly remark: string
  readonly seenAt: string
}

export const batchView = (row: BatchRowRead): BatchView => ({
  id: row.id,
  reference: row.reference ?? undefined,
  idempotencyKey: row.idempotency_key,
  state: row.state,
  itemCount: row.item_count,
  totals: totals(row.totals),
  duplicates: row.duplicates ?? undefined,
  rejectedRows: row.rejected_rows ?? undefined,
  version: row.version,
  receivedAt: row.received_at.getTime(),
  updatedAt: row.updated_at.getTime(),
  closedAt: row.closed_at?.getTime(),
  executeAt: row.execute_at?.getTime(),
  approval: row.approval ?? undefined,
  expectedArrivals: row.expected_arrivals ?? undefined,
})

const totals = (stored: StoredTotals): Totals =>
  Object.fromEntries(
    Object.entries(stored).map(([currency, states]) => [
      currency,
      Object.fromEntries(
        Object.entries(states).map(([state, { count, minor }]) => [
          state,
          { count, amount: formatAmount(BigInt(minor), currency) },
        ]),
      ),
    ]),
  )

export const itemView = (row: ItemRowRead): ItemView => ({
  item: row.item,
  reference: row.reference,
  beneficiaryName: row.beneficiary_name,
  account: row.account_masked,
  currency: row.currency,
  amount: formatAmount(BigInt(row.minor), row.currency),
  state: row.state,
  ledger: row.ledger,
  bank: row.bank ?? undefined,
  transferReference: row.transfer_reference ?? undefined,
  transferId: row.transfer_id ?? undefined,
  attempt: row.attempt ?? undefined,
  reason: row.reason ?? undefined,
  clearance: row.clearance ?? undefined,
  version: row.version,
  updatedAt: row.updated_at.getTime(),
  attempts: [...(row.earlier_attempts ?? []).map(earlierAttempt), ...lastAttempt(row)],
})

const earlierAttempt = ({ requestedAt, concludedAt, ...attempt }: StoredAttempt): AttemptView => ({
  ...attempt,
  requestedAt: Date.parse(requestedAt),
  ...(concludedAt === undefined ? {} : { concludedAt: Date.parse(concludedAt) }),
})

/** None if the item has no attempt, or an earlier release stored it and it has not changed since. */
const lastAttempt = (row: ItemRowRead): ReadonlyArray<AttemptView> =>
  row.attempt === null ||
  row.bank === null ||
  row.transfer_reference === null ||
  row.attempt_state === null ||
  row.requested_at === null
    ? []
    : [
        {
          attempt: row.attempt,
          bank: row.bank,
          reference: row.transfer_reference,
          ...(row.transfer_id === null ? {} : { transferId: row.transfer_id }),
          state: row.attempt_state,
          ...(row.attempt_code === null ? {} : { code: row.attempt_code }),
          ...(row.attempt_category === null ? {} : { category: row.attempt_category }),
          requestedAt: row.requested_at.getTime(),
          ...(row.concluded_at === null ? {} : { concludedAt: row.concluded_at.getTime() }),
        },
      ]

export const remarkView = ({ bank, reference, kind, remark, seenAt }: RemarkRowRead): BankRemarkView => ({
  ...readRemark(kind, remark),
  bank,
  attempt: parseTransferReference(reference)?.attempt ?? 0,
  seenAt: Date.parse(seenAt),
})
