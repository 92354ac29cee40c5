/**
 * A batch as it was, folded from its log. Its rows are made as those of the read models are, and shown as these are, so a past state has
 * the same form as the present one.
 */
import type { Item } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { publicStateOf } from "../domain/item-state.ts"
import { uetrOf } from "../domain/uetr.ts"
import type { LoggedEvent } from "../streams/event-store.ts"
import type { BatchView, ItemView } from "./batch-queries.ts"
import { batchRow, itemRows } from "./batch-rows.ts"
import { batchView, itemView } from "./batch-views.ts"
import { emptyProjection, type ProjectedBatch, project } from "./projected-batch.ts"
import type { ItemFilter } from "./search-filter.ts"

/** The fold of a log up to a version. */
export interface PastBatch extends ProjectedBatch {
  /** The latest time of all events in it, in epoch milliseconds; the clocks of two workers may differ. */
  latestAt: number
}

export const emptyPast = (id: BatchId): PastBatch => ({
  ...emptyProjection(id),
  latestAt: Number.NEGATIVE_INFINITY,
})

/** Folds the next event, in place. Throws if it is not the next one, or not legal. */
export const foldPast = (fold: PastBatch, recorded: LoggedEvent): void => {
  project(fold, recorded)
  fold.latestAt = Math.max(fold.latestAt, recorded.event.at)
}

/** The batch as it was. Its log has an event at least. */
export const pastBatch = (id: BatchId, fold: PastBatch): BatchView => {
  const { received_at, updated_at, closed_at, execute_at, ...row } = asStored(batchRow(id, fold))
  return batchView({
    ...row,
    received_at: new Date(received_at),
    updated_at: new Date(updated_at),
    closed_at: dateOrNull(closed_at),
    execute_at: dateOrNull(execute_at),
  })
}

/** The items after a number that a filter wants, in their order, at most so many. */
export const pastItems = (
  id: BatchId,
  fold: PastBatch,
  filter: ItemFilter,
  { after, countMax }: { readonly after: number; readonly countMax: number },
): ReadonlyArray<ItemView> => {
  const found: Array<number> = []
  for (let number = after + 1; number <= fold.batch.itemCount && found.length < countMax; number += 1) {
    const item = fold.batch.items.get(number)
    if (item !== undefined && isWanted(item, filter)) found.push(number)
  }
  return asStored(itemRows(id, fold, found)).map(({ updated_at, requested_at, concluded_at, ...row }) =>
    itemView({
      ...row,
      updated_at: new Date(updated_at),
      requested_at: dateOrNull(requested_at),
      concluded_at: dateOrNull(concluded_at),
    }),
  )
}

const dateOrNull = (time: string | null): Date | null => (time === null ? null : new Date(time))

/** One item; `undefined` if the batch did not have it then. */
export const pastItem = (id: BatchId, fold: PastBatch, item: number): ItemView | undefined =>
  pastItems(id, fold, {}, { after: item - 1, countMax: 1 }).find((found) => found.item === item)

/** Whether a filter wants an item: the conditions of search-conditions.ts. */
const isWanted = (item: Item, filter: ItemFilter): boolean => {
  const { currency, amount, reference, lastFour, failureCode, providerReference } = filter
  const state = publicStateOf(item.state)
  return (
    (filter.state === undefined || filter.state.includes(state)) &&
    (failureCode === undefined || (FAILURE_STATES.includes(state) && item.reason === failureCode)) &&
    (currency === undefined || item.currency === currency) &&
    (amount === undefined ||
      (item.currency === amount.currency &&
        item.minor >= (amount.from ?? item.minor) &&
        item.minor <= (amount.to ?? item.minor))) &&
    (reference === undefined || item.reference === reference) &&
    (lastFour === undefined || endOf(item) === lastFour) &&
    (providerReference === undefined || isKnownBy(item, providerReference))
  )
}

/** Only items in these states have a failure. */
const FAILURE_STATES: ReadonlyArray<string> = ["failed", "returned"]

const endOf = ({ beneficiary: { account } }: Item): string => account.lastFour

/** Whether a transfer of the item has a reference: ours, its UETR, or the bank's own id. */
const isKnownBy = ({ attempt, earlier }: Item, reference: string): boolean =>
  (attempt === undefined ? earlier : [...earlier, attempt]).some(
    (one) =>
      one.reference === reference ||
      one.transferId === reference ||
      uetrOf(one.reference) === reference.toLowerCase(),
  )

/** Rows as Postgres gives them back: without NUL and unpaired surrogates, which a log may have and no answer shows. */
const asStored = <A extends object>(rows: A): A => {
  const text = JSON.stringify(rows)
  if (!UNSTORABLE.test(text)) return rows
  return JSON.parse(text, (_, value) =>
    typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\uFFFD") : value,
  ) as A
}

const UNSTORABLE = /\\u(?:0000|d[89a-f])/
