/** The filters of lists as conditions of SQL. Each begins with `and`, and is empty if the filter does not narrow by it. */
import type { ISql } from "postgres"
import { parseTransferReference } from "../domain/identifiers.ts"
import { referenceEndIn } from "../domain/uetr.ts"
import type { AmountRange, BatchFilter, ItemFilter, Received } from "./search-filter.ts"

/** Rows of `payout_batches`, by when they were received. */
export const receivedIn = (sql: ISql, { receivedFrom, receivedTo }: Received) => sql`
  ${receivedFrom === undefined ? sql`` : sql`and received_at >= ${new Date(receivedFrom)}`}
  ${receivedTo === undefined ? sql`` : sql`and received_at < ${new Date(receivedTo)}`}`

/** Rows of `payout_batches`, by what their items have in common. */
export const batchConditions = (sql: ISql, { state, currency, amount, reference }: BatchFilter) => sql`
  ${state === undefined ? sql`` : sql`and state = any (${[...state]})`}
  ${currency === undefined ? sql`` : sql`and totals ? ${currency}`}
  ${reference === undefined ? sql`` : sql`and reference = ${reference}`}
  ${
    amount === undefined
      ? sql``
      : sql`and coalesce((
          select sum((tally.value ->> 'minor')::numeric) between
            ${(amount.from ?? 0n).toString()}::numeric and ${amount.to?.toString() ?? "Infinity"}::numeric
          from jsonb_each(totals -> ${amount.currency}) tally), false)`
  }`

/** Rows of `payout_batches` that may have an item that the filter wants, by their totals. */
export const mayHaveItems = (sql: ISql, filter: ItemFilter) => {
  const currency = filter.currency ?? filter.amount?.currency ?? null
  const states = statesOf(filter)
  return sql`
    ${currency === null ? sql`` : sql`and totals ? ${currency}`}
    ${
      states === undefined
        ? sql``
        : sql`and exists (
            select from jsonb_each(totals) money
            where (${currency}::text is null or money.key = ${currency}) and money.value ?| ${[...states]})`
    }
    ${
      // Of batches that an earlier release has shown, the days do not have every failure. In place of these subqueries, Postgres would
      // rather read the whole table for an `exists`.
      filter.failureCode === undefined
        ? sql``
        : sql`and (
            (select true from payout_batch_days where batch = id and code = ${filter.failureCode} limit 1)
            or (select true from payout_batch_days where batch = id and state = 'received' limit 1) is null)`
    }`
}

/** Whether indexes lead to the items that a filter wants, over all batches: unless so many have the same. */
export const isIndexed = ({ reference, lastFour, amount, providerReference }: ItemFilter): boolean =>
  reference !== undefined ||
  providerReference !== undefined ||
  lastFour?.length === LAST_FOUR ||
  isExact(amount)

const isExact = (amount: AmountRange | undefined): amount is AmountRange & { readonly from: bigint } =>
  amount?.from !== undefined && amount.from === amount.to

const LAST_FOUR = 4

/** Only items in these states have a failure. */
const FAILURE_STATES: ReadonlyArray<string> = ["failed", "returned"]

const statesOf = ({ state, failureCode }: ItemFilter): ReadonlyArray<string> | undefined => {
  if (failureCode === undefined) return state
  return state === undefined ? FAILURE_STATES : state.filter((one) => FAILURE_STATES.includes(one))
}

/**
 * Rows of `payout_items`. `byIndex`: as they are looked up over all batches, by what an index knows. A reference of ours is none of that: it
 * names a batch, and is looked up with it.
 */
export const itemConditions = (sql: ISql, filter: ItemFilter, byIndex = false) => {
  const { currency, amount, reference, lastFour, failureCode, providerReference } = filter
  const states = statesOf(filter)
  return sql`
    ${states === undefined ? sql`` : sql`and state = any (${[...states]})`}
    ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
    ${amount === undefined ? sql`` : sql`and currency = ${amount.currency}`}
    ${amount === undefined ? sql`` : amountCondition(sql, amount)}
    ${reference === undefined ? sql`` : sql`and reference = ${reference}`}
    ${lastFour === undefined ? sql`` : accountCondition(sql, lastFour)}
    ${failureCode === undefined ? sql`` : sql`and reason = ${failureCode}`}
    ${providerReference === undefined ? sql`` : providerCondition(sql, providerReference, byIndex)}`
}

/** An exact amount as an equality, which an index answers. */
const amountCondition = (sql: ISql, amount: AmountRange) =>
  isExact(amount)
    ? sql`and minor = ${amount.from.toString()}::numeric`
    : sql`
        ${amount.from === undefined ? sql`` : sql`and minor >= ${amount.from.toString()}::numeric`}
        ${amount.to === undefined ? sql`` : sql`and minor <= ${amount.to.toString()}::numeric`}`

/** The characters after the mark of what is left out. Four of them are the expression of an index. */
const accountCondition = (sql: ISql, lastFour: string) => sql`
  and right(account_masked, ${lastFour.length + 1}) = ${`…${lastFour}`}
  ${lastFour.length === LAST_FOUR ? sql`and right(account_masked, 4) = ${lastFour}` : sql``}`

/** An item that had an attempt with a reference of ours, or which a bank knows by it. */
const providerCondition = (sql: ISql, reference: string, byIndex: boolean) => {
  const known = sql`transfer_id = ${reference} or ${hadTransfer(sql, reference)}`
  const own = byIndex ? undefined : transferNamed(reference)
  if (own === undefined) return sql`and (${known})`
  const { batchEnd, item, attempt } = own
  return sql`and (${known}
    or (item = ${item} and substr(batch, ${BATCH_END_AT}) = ${batchEnd} and attempt >= ${attempt}))`
}

/** An item with an attempt before the last one that its bank knows by an id. */
const hadTransfer = (sql: ISql, transferId: string) =>
  sql`(earlier_attempts is not null and earlier_attempts @> ${JSON.stringify([{ transferId }])}::text::jsonb)`

/** Where the part of a batch id begins that a UETR has: without `pb_` and two characters more. */
const BATCH_END_AT = 6

/** What one of our references, or its UETR, says of a transfer; `undefined` for any other text. */
export const transferNamed = (
  reference: string,
): { readonly batchEnd: string; readonly item: number; readonly attempt: number } | undefined => {
  const end = referenceEndIn(reference.toLowerCase())
  const key = parseTransferReference(end === undefined ? reference : `AA${end}`)
  if (key === undefined) return undefined
  return { batchEnd: key.batch.slice(BATCH_END_AT - 1), item: key.item, attempt: key.attempt }
}
