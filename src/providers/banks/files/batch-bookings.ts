/**
 * One booking of several orders, without the amounts of each. It counts for them only if its sum and count agree with what was
 * ordered. A booking that only names the file settles the orders of the file; it never returns or refuses them, because it may
 * concern another copy of the file.
 */
import { bookedOf, isSumOf } from "../../booked-orders.ts"
import type { BatchReport } from "../../iso20022/transfer-report.ts"
import type { FileOrder } from "../orders/file-orders.ts"
import { combined, type MatchedPart, matched, odd, oddityOf, unmatched } from "./matched-report.ts"
import { type FoundOrder, type OrderLookup, shownId } from "./order-lookup.ts"

export const batchReports = (batch: BatchReport, lookup: OrderLookup): MatchedPart => {
  const members = batch.members.map((ids) => ({ ids, order: lookup.of({ status: batch.status, ...ids }) }))
  if (members.some(({ order }) => order !== undefined)) return ofMembers(batch, members)
  const file = lookup.inFile(batch.fileIds)
  if (file === undefined) return ofNobody(batch)
  const [about = ""] = batch.fileIds
  if (file === "conflicting") return { ...unmatched(about, "conflicting-ids"), orders: [], isOfOurFile: true }
  const orders = batch.status._tag === "Settled" ? bookedOf(sumOf(batch), file, isRefused) : undefined
  return orders === undefined
    ? { ...unmatched(about, "unclear-batch"), orders: [], isOfOurFile: true }
    : { ...settled(orders), orders }
}

const ofNobody = ({ members, fileIds }: BatchReport): MatchedPart => {
  const [fileId] = fileIds
  const ids = members.length > 0 ? members.map(shownId) : fileId === undefined ? [] : [fileId]
  return { ...combined(ids.map((id) => unmatched(id, "unknown-reference"))), orders: [] }
}

/** Named orders count if all that are booked are ours, and their sum is what was booked. */
const ofMembers = (
  batch: BatchReport,
  members: ReadonlyArray<{
    readonly ids: BatchReport["members"][number]
    readonly order: FoundOrder
  }>,
): MatchedPart => {
  const orders = [...new Set(members.flatMap(({ order }) => (typeof order === "object" ? [order] : [])))]
  if (orders.length === members.length && isSumOf(sumOf(batch), orders)) {
    const reports = members.map(({ ids, order }) =>
      matched({ reference: shownId(ids), status: ids.status ?? batch.status }, order),
    )
    return { ...combined(reports), orders }
  }
  const oddities = members.map(({ ids, order }) => {
    if (order === undefined) return unmatched(shownId(ids), "unknown-reference")
    return typeof order === "string"
      ? unmatched(shownId(ids), oddityOf(order))
      : odd(order.reference, "unclear-batch")
  })
  return { ...combined(oddities), orders: [] }
}

const sumOf = ({ count, amount }: BatchReport) => ({ ...amount, ...(count === undefined ? {} : { count }) })

const isRefused = ({ reports }: FileOrder): boolean => reports.some(({ _tag }) => _tag === "Failed")

const settled = (orders: ReadonlyArray<FileOrder>) =>
  combined(orders.map((order) => matched({ reference: order.reference, status: { _tag: "Settled" } }, order)))
