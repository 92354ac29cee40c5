/** The filters of lists as conditions of SQL. Each begins with `and`, and is empty if the filter does not narrow by it. */
import type { Sql } from "postgres"
import { parseTransferReference } from "../domain/identifiers.ts"
import { referenceEndIn } from "../domain/uetr.ts"
import type { BatchFilter, ItemFilter, Received } from "./search-filter.ts"

/** Rows of `payout_batches`, by when they were received. */
export const receivedIn = (sql: Sql, { receivedFrom, receivedTo }: Received) => sql`
  ${receivedFrom === undefined ? sql`` : sql`and received_at >= ${new Date(receivedFrom)}`}
  ${receivedTo === undefined ? sql`` : sql`and received_at < ${new Date(receivedTo)}`}`

/** Rows of `payout_batches`, by what their items have in common. */
export const batchConditions = (sql: Sql, { state, currency, amount, reference }: BatchFilter) => sql`
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
export const mayHaveItems = (sql: Sql, filter: ItemFilter) => {
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
    }`
}

/** Only items in these states have a failure. */
const FAILURE_STATES: ReadonlyArray<string> = ["failed", "returned"]

const statesOf = ({ state, failureCode }: ItemFilter): ReadonlyArray<string> | undefined => {
  if (failureCode === undefined) return state
  return state === undefined ? FAILURE_STATES : state.filter((one) => FAILURE_STATES.includes(one))
}

/** Rows of `payout_items`. */
export const itemConditions = (sql: Sql, filter: ItemFilter) => {
  const { currency, amount, reference, lastFour, failureCode, providerReference } = filter
  const states = statesOf(filter)
  return sql`
    ${states === undefined ? sql`` : sql`and state = any (${[...states]})`}
    ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
    ${amount === undefined ? sql`` : sql`and currency = ${amount.currency}`}
    ${amount?.from === undefined ? sql`` : sql`and minor >= ${amount.from.toString()}::numeric`}
    ${amount?.to === undefined ? sql`` : sql`and minor <= ${amount.to.toString()}::numeric`}
    ${reference === undefined ? sql`` : sql`and reference = ${reference}`}
    ${lastFour === undefined ? sql`` : sql`and right(account_masked, ${lastFour.length + 1}) = ${`…${lastFour}`}`}
    ${failureCode === undefined ? sql`` : sql`and reason = ${failureCode}`}
    ${providerReference === undefined ? sql`` : providerCondition(sql, providerReference)}`
}

/** An item that had an attempt with a reference, or whose last attempt the bank knows by it. */
const providerCondition = (sql: Sql, reference: string) => {
  const own = transferNamed(reference)
  if (own === undefined) return sql`and transfer_id = ${reference}`
  const { batchEnd, item, attempt } = own
  return sql`and (
    transfer_id = ${reference}
    or (item = ${item} and substr(batch, ${BATCH_END_AT}) = ${batchEnd} and attempt >= ${attempt}))`
}

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
