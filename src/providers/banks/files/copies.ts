/**
 * Finds refusals that may concern a second copy of a file of which the bank has the first. The bank shows that it has the first
 * copy by any report on any of its orders: accepted, settled, returned. A later refusal of another order of the file, which
 * that report left open, may concern the copy. So the order counts as one that the bank may have, and gets the report
 * `accepted`, if
 *
 *   - it is refused by name for the first time, and an earlier message showed that the bank has the file;
 *   - it was refused by name before, and another order of the file, which was refused with the whole file, turns out to be
 *     taken.
 *
 * If the message that refuses the order, or a later one, accepts other orders, this is the outcome of the rest of that copy. A
 * bank is believed if it names what it takes beside what it refuses, or refuses in stages before it reports anything else.
 *
 * If a reader dies after it recorded a part of a message, the rest of the message does not become doubtful: refusals are
 * recorded first, and a recorded refusal is not judged again.
 */
import { Effect } from "effect"
import { type FileOrder, FileOrders, type NewReport } from "../orders/file-orders.ts"
import { mayBeOfCopy, type OrderReport, reportKeyOf, showsReceipt } from "../orders/order-reports.ts"

/** Given new reports, returns `accepted` reports for orders that the bank may have although it refuses them. */
export const doubtfulRefusals = Effect.fn("doubtfulRefusals")(function* (
  bank: string,
  orders: ReadonlyArray<FileOrder>,
  reports: ReadonlyArray<NewReport>,
) {
  const byReference = new Map(orders.map((order) => [order.reference, order]))
  const matched = reports.flatMap(({ reference, report }) => {
    const order = byReference.get(reference)
    return order === undefined ? [] : [{ order, report }]
  })
  const refused = matched.filter(({ order, report }) => mayBeOfCopy(report) && !hasReport(order, report))
  const takenAfterAll = matched.filter(({ order, report }) => showsReceipt(report) && isRefusedWithAll(order))
  const references = [...refused, ...takenAfterAll].map(({ order }) => order.reference)
  if (references.length === 0) return []
  const besides = yield* (yield* FileOrders).besides(bank, references)
  const filesOf = (orders: ReadonlyArray<FileOrder>) => new Set(orders.map(({ file }) => file))
  const shown = filesOf(besides.filter(({ reports }) => reports.some(showsReceipt)))
  const copied = filesOf(takenAfterAll.map(({ order }) => order))
  const refusedHere = new Set(
    matched.filter(({ report }) => mayBeOfCopy(report)).map(({ order }) => order.reference),
  )
  const refusedBefore = besides.filter(
    ({ reference, reports }) => reports.some(mayBeOfCopy) && !refusedHere.has(reference),
  )
  const doubtful = [
    ...refused.flatMap(({ order }) => (shown.has(order.file) ? [order] : [])),
    ...refusedBefore.filter(({ file }) => copied.has(file)),
  ]
  return doubtful
    .filter((order) => !hasReport(order, accepted))
    .map(({ reference }) => ({ reference, report: accepted }))
})

const accepted: OrderReport = { _tag: "Accepted" }

/** Refused with its whole file, and never reported as accepted, settled or returned. */
const isRefusedWithAll = ({ reports }: FileOrder): boolean =>
  reports.some(({ _tag }) => _tag === "Refused") && !reports.some(showsReceipt)

const hasReport = ({ reports }: FileOrder, report: OrderReport): boolean =>
  reports.some((other) => reportKeyOf(other) === reportKeyOf(report))
