/**
 * A request whose bad rows are set aside (`rows=good`). The batch records which rows it does not have when it is received, and each
 * later answer is made from that record: a row may be good or bad by other rules then, but it was paid, or not, by those of the day.
 */
import { Array as Arr } from "effect"
import { totalsOf } from "../../domain/approval-threshold.ts"
import { formatAmount } from "../../domain/money.ts"
import type { RejectedRows } from "../../domain/rejected-rows.ts"
import { type FieldProblem, fieldProblem, type RowProblem } from "../edge/field-problem.ts"
import type { BatchRequest, RequestedItem } from "./payout-batch-request.ts"

/** What an answer shows of the rows that were set aside: how many, and the first hundred problems. */
export interface ShownRejected {
  readonly count: number
  readonly errors: ReadonlyArray<RowProblem>
}

/** What a request can do that sets rows aside. */
export interface SettingAside {
  /** The request without the items that no bank could be sent; undefined where it has to be refused as a whole. */
  readonly without: (request: BatchRequest, problems: ReadonlyArray<FieldProblem>) => BatchRequest | undefined
  /** What is answered of the rows that a batch does not have by its log. */
  readonly shown: (rows: RejectedRows) => ShownRejected
}

/** A request without some of its items, by their numbers: the others are numbered anew. Undefined if none is left. */
export const withoutItems = (
  request: BatchRequest,
  isLeftOut: (item: number) => boolean,
): BatchRequest | undefined => {
  const kept = request.items.filter(({ item }) => !isLeftOut(item))
  const items = kept.map((item, index): RequestedItem => ({ ...item, item: index + 1 }))
  if (!Arr.isReadonlyArrayNonEmpty(items)) return undefined
  const numbers = new Map(kept.map(({ item }, index) => [item, index + 1]))
  const totals = [...totalsOf(items)].map(([currency, minor]) => [currency, formatAmount(minor, currency)])
  const { count, places } = request.modulusFailures
  const left = places.flatMap((place) => {
    const item = numbers.get(place.item ?? 0)
    return item === undefined ? [] : [movedTo(item, place)]
  })
  const modulusFailures = { count: count - places.length + left.length, places: left }
  return { ...request, items, totals: Object.fromEntries(totals), modulusFailures }
}

const movedTo = (item: number, { field, detail }: FieldProblem): FieldProblem =>
  fieldProblem(["items", item - 1, ...(field?.split(".") ?? [])], detail)
