/** The rows of the read models, as JSON, made from a batch as it is shown. */
import type { Attempt, Item } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { PublicItemState } from "../domain/item-state.ts"
import { mapTotals, type ShownItem, shownBatch, shownItem } from "../domain/shown.ts"
import type { DayTally } from "./day-tallies.ts"
import type { PersonalAct } from "./personal-acts.ts"
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

/** A row of `payout_batch_days`. `minor` is text. */
export type DayRow = ReturnType<typeof dayRow>

/** A row of `payout_acts`. */
export type ActRow = ReturnType<typeof actRow>

/** What the read models have of a batch. */
export interface BatchRows {
  readonly batch: BatchRow
  readonly items: ReadonlyArray<ItemRow>
  readonly days: ReadonlyArray<DayRow>
  readonly acts: ReadonlyArray<ActRow>
}

/** What changed in a fold since a version of it. */
export interface Changed {
  /** The numbers of the items. */
  readonly items: Iterable<number>
  readonly since: number
}

/**
 * The rows of a batch, as of the version of its fold: all of them, or those that changed, with the row of the batch itself. They
 * follow from the fold alone: live rows equal those of a fold of the whole log to the same version.
 */
export const rowsOf = (id: BatchId, fold: ProjectedBatch, changed?: Changed): BatchRows => {
  const since = changed?.since ?? 0
  const { partner } = fold.batch
  const days: Array<DayRow> = []
  for (const tally of fold.days.values()) if (tally.version > since) days.push(dayRow(id, partner, tally))
  const acts: Array<ActRow> = []
  for (const act of actsSince(fold.acts, since)) acts.push(actRow(id, partner, act))
  const items = itemRows(id, fold, changed?.items ?? fold.batch.items.keys())
  return { batch: batchRow(id, fold), items, days, acts }
}

/** The last ones are found from the end: a batch may have an act for each of its items. */
const actsSince = (acts: ReadonlyArray<PersonalAct>, since: number): ReadonlyArray<PersonalAct> => {
  const before = acts.findLastIndex(({ version }) => version <= since)
  return before === acts.length - 1 ? [] : acts.slice(before + 1)
}

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
    return itemRow(id, item, shownItem(item), change)
  })

/** Of the last attempt in columns, of those before it as JSON. */
const itemRow = (batch: BatchId, { attempt, earlier }: Item, shown: ShownItem, { version, at }: Change) => ({
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
  attempt_state: attempt === undefined ? null : (attempt.outcome ?? attempt.phase),
  attempt_code: attempt?.code ?? null,
  attempt_category: attempt?.category ?? null,
  requested_at: attempt === undefined ? null : requestedTime(attempt.requestedAt),
  concluded_at: attempt?.concludedAt === undefined ? null : concludedTime(attempt.concludedAt),
  earlier_attempts: earlier.length === 0 ? null : earlier.map(storedAttempt),
})

/** An attempt as JSON, in `earlier_attempts`. Times are in ISO 8601. */
export type StoredAttempt = ReturnType<typeof storedAttempt>

const storedAttempt = (attempt: Attempt) => ({
  attempt: attempt.attempt,
  bank: attempt.bank,
  reference: attempt.reference,
  ...(attempt.transferId === undefined ? {} : { transferId: attempt.transferId }),
  state: attempt.outcome ?? attempt.phase,
  ...(attempt.code === undefined ? {} : { code: attempt.code }),
  ...(attempt.category === undefined ? {} : { category: attempt.category }),
  requestedAt: new Date(attempt.requestedAt).toISOString(),
  ...(attempt.concludedAt === undefined ? {} : { concludedAt: new Date(attempt.concludedAt).toISOString() }),
})

const dayRow = (
  batch: BatchId,
  partner: string,
  { day, currency, bank, state, code, count, minor, version }: DayTally,
) => ({
  batch,
  day,
  currency,
  bank,
  state,
  code,
  partner,
  count,
  minor: minor.toString(),
  version,
})

const actRow = (batch: BatchId, partner: string, act: PersonalAct) => ({
  batch,
  version: act.version,
  partner,
  at: isoTime(act.at),
  act: act.act,
  outcome: act.outcome,
  credential: act.credential ?? null,
  name: act.name,
  item: act.item ?? null,
  items: act.items ?? null,
  reason: act.reason ?? null,
  command: act.command ?? null,
})

/** Remembers the last one, because one event changes many items at the same time. */
const isoTimes = () => {
  let last = { at: 0, text: new Date(0).toISOString() }
  return (at: number): string => {
    if (at !== last.at) last = { at, text: new Date(at).toISOString() }
    return last.text
  }
}

const isoTime = isoTimes()
const requestedTime = isoTimes()
const concludedTime = isoTimes()
