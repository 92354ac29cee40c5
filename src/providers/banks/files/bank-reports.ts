/**
 * Matches a bank's message with our orders: which reports it has on them, and what is odd about it. Nothing odd has an effect.
 */
import { Effect } from "effect"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { cleanText } from "../../../domain/outside-text.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import type { StatusReport } from "../../iso20022/status-report.ts"
import {
  hasOwnId,
  type ReportedStatus,
  type TransferReport,
  type UnreadPart,
} from "../../iso20022/transfer-report.ts"
import { type FileOrder, FileOrders } from "../orders/file-orders.ts"
import type { OrderReport } from "../orders/order-reports.ts"
import { batchReports } from "./batch-bookings.ts"
import { doubtfulRefusals } from "./copies.ts"
import {
  type BankReports,
  combined,
  ifNew,
  type MatchedPart,
  matched,
  nothing,
  odd,
  unmatched,
} from "./matched-report.ts"
import {
  batchesIn,
  type FoundOrder,
  lookUpOrders,
  type OrderLookup,
  type OwnIds,
  servicerReferencesIn,
  shownId,
} from "./order-lookup.ts"
import { withoutReturnsElsewhere } from "./returns-elsewhere.ts"

/** `own` is what the settings of the bank say of ids. */
export const bankReportsIn = Effect.fn("bankReportsIn")(function* (
  bank: string,
  received: BankMessage,
  own: OwnIds = {},
) {
  const message = withoutReturnsElsewhere(received, own.iban)
  const lookup = yield* lookUpOrders(bank, message, own)
  const { orders, parts } = yield* matchWithOrders(bank, message, lookup)
  const unread = (message.unread ?? []).map((part) => ofUnread(part, lookup))
  const { reports, oddities, remarks } = combined([...parts, ...unread])
  const duplicates = combined(
    orders.filter(() => isOfCopy(message)).map((order) => ifNew(order, { _tag: "Accepted" })),
  )
  const doubtful = yield* doubtfulRefusals(bank, orders, reports)
  return {
    reports: [...duplicates.reports, ...doubtful, ...inOrder(reports)],
    oddities,
    remarks,
    servicerReferences: servicerReferencesIn(
      message,
      lookup,
      (report, order) => matched(report, order).oddities.length > 0,
    ),
  }
})

/** A bank that calls anything in a file a duplicate has all orders of the file, also those that it refuses as well. */
const isOfCopy = (message: BankMessage): boolean =>
  message._tag === "StatusReport" && message.isOfCopy === true

/**
 * Refusals are recorded before other reports: if the reader dies in between, the rest of the message must not make them look
 * like refusals of a copy.
 */
const inOrder = (reports: BankReports["reports"]): BankReports["reports"] =>
  reports.toSorted((one, other) => rank(one.report) - rank(other.report))

const rank = ({ _tag }: OrderReport): number => (_tag === "Failed" ? 0 : 1)

/** The orders that a message is about, and its reports and oddities part by part. */
interface Matched {
  readonly orders: ReadonlyArray<FileOrder>
  readonly parts: ReadonlyArray<BankReports>
}

const matchWithOrders = Effect.fnUntraced(function* (
  bank: string,
  message: BankMessage,
  lookup: OrderLookup,
) {
  if (message._tag === "StatusReport") return yield* matchStatuses(bank, message, lookup)
  const isWholeAccount = message._tag === "Statement"
  const unplaced = message.named.filter((report) => isOfFileAlone(report, lookup))
  const together = new Set(unplaced)
  const found = [
    ...message.named.flatMap((report) => (together.has(report) ? [] : [matchedMovement(report, lookup)])),
    ...bookedByFile(unplaced, lookup),
  ]
  const batches = batchesIn(message).map((batch) => batchReports(batch, lookup))
  const parts = [...found, ...batches]
  const known = parts.map((part) => (isWholeAccount ? withoutUnknown(part) : part))
  return { orders: distinct(parts.flatMap(({ orders }) => orders)), parts: known } satisfies Matched
})

/** Whether a movement names nothing of ours but its file. */
const isOfFileAlone = (report: TransferReport, lookup: OrderLookup): boolean =>
  !hasOwnId(report) &&
  report.amount !== undefined &&
  lookup.of(report) === undefined &&
  lookup.inFile(report.fileIds ?? []) !== undefined

/** Movements that name only their file: all of an account together if they are what was ordered, else each by itself. */
const bookedByFile = (
  movements: ReadonlyArray<TransferReport>,
  lookup: OrderLookup,
): ReadonlyArray<MatchedPart> => {
  const alike = Map.groupBy(movements, ({ fileIds, amount, status, evidence }) =>
    JSON.stringify([fileIds, amount?.currency, status._tag, evidence?.iban]),
  )
  return [...alike.values()].flatMap((all) => {
    const single = all.flatMap(({ fileIds = [], amount, status }) =>
      amount === undefined ? [] : [{ fileIds, members: [], amount, status }],
    )
    const [first, ...others] = single
    if (first === undefined) return []
    const apart = () => single.map((batch) => batchReports(batch, lookup))
    if (hasCopies(all)) return apart()
    const minor = others.reduce((sum, { amount }) => sum + amount.minor, first.amount.minor)
    const sum = batchReports({ ...first, amount: { ...first.amount, minor }, count: all.length }, lookup)
    return sum.orders.length > 0 ? [sum] : apart()
  })
}

/**
 * Whether two parts of a message may show one booking: each has it once, under the same id of the bank. Added up, it could
 * settle two orders of which one was paid.
 */
const hasCopies = (movements: ReadonlyArray<TransferReport>): boolean => {
  const keys = movements.flatMap(({ servicerReference, amount, evidence }) =>
    servicerReference === undefined || evidence?.isRepeated === true
      ? []
      : [JSON.stringify([servicerReference, String(amount?.minor)])],
  )
  return new Set(keys).size < keys.length
}

/** A movement under an id of its own. */
const matchedMovement = (report: TransferReport, lookup: OrderLookup): MatchedPart => {
  const order = lookup.of(report)
  const { fileIds = [] } = report
  return {
    ...matched(report, order),
    orders: typeof order === "object" ? [order] : [],
    ...(order === undefined && lookup.inFile(fileIds) !== undefined ? { isOfOurFile: true as const } : {}),
  }
}

const distinct = (orders: ReadonlyArray<FileOrder>): ReadonlyArray<FileOrder> => [
  ...new Map(orders.map((order) => [order.reference, order])).values(),
]

/** A file of ours that a status report is about, and the status of those of its orders that are not named. */
interface Reported {
  readonly about: string
  readonly file: ReadonlyArray<FileOrder>
  readonly others: ReportedStatus | undefined
}

const matchStatuses = Effect.fnUntraced(function* (bank: string, message: StatusReport, lookup: OrderLookup) {
  const files = yield* reportedFiles(bank, message)
  const sent = files.flatMap(({ file }) => file)
  const found = message.named.map((report) => ({ report, order: lookup.of(report) }))
  const [misplaced, placed] = apartBy(found, ({ report, order }) => isElsewhere(report, order, sent))
  const orders = placed.flatMap(({ order }) => (typeof order === "object" ? [order] : []))
  const contradictory = contradictoryIn(placed)
  const named = placed.flatMap(({ report, order }) =>
    typeof order === "object" && contradictory.has(order.reference) ? [] : [matched(report, order)],
  )
  const apart = new Set([
    ...orders.map(({ reference }) => reference),
    ...(message.unread ?? []).flatMap((part) => referencesIn(part, lookup)),
  ])
  const parts = [
    ...named,
    ...misplaced.map(({ report }) => unmatched(shownId(report), "other-file")),
    ...[...contradictory].map((reference) => odd(reference, "contradictory")),
    ...files.map((reported) => ofUnnamed(reported, apart)),
    ofMisplaced(message, orders, files),
  ]
  return { orders: distinct([...sent, ...orders]), parts } satisfies Matched
})

/**
 * Whether a report has an order by the bank's own id alone, and is not about its file. A bank may use such an id again for an
 * order of somebody else, so the status of that one is not believed: it could be a refusal.
 */
const isElsewhere = (report: TransferReport, order: FoundOrder, sent: ReadonlyArray<FileOrder>): boolean =>
  !hasOwnId(report) && typeof order === "object" && !sent.some((other) => other.reference === order.reference)

const apartBy = <A>(all: ReadonlyArray<A>, is: (one: A) => boolean) =>
  [all.filter(is), all.filter((one) => !is(one))] as const

/** The file with the message id of the report; if there is none, those with the ids of its payments. */
const reportedFiles = Effect.fnUntraced(function* (bank: string, message: StatusReport) {
  const { about, others, payments = [] } = message
  const { sentIn } = yield* FileOrders
  const file = yield* sentIn(bank, about)
  const own: Reported = { about, file, others }
  if (file.length > 0) return [own]
  const ofPayments: Array<Reported> = []
  for (const { id, others } of payments) ofPayments.push({ about: id, file: yield* sentIn(bank, id), others })
  const known = ofPayments.filter(({ file }) => file.length > 0)
  return known.length === 0 ? [own] : known
})

/** Orders of which a report says different things under different ids of theirs. That it proceeds is no contradiction. */
const contradictoryIn = (
  found: ReadonlyArray<{ readonly report: TransferReport; readonly order: FoundOrder }>,
): ReadonlySet<string> => {
  const tags = new Map<string, Set<string>>()
  for (const { report, order } of found)
    if (typeof order === "object")
      tags.set(order.reference, (tags.get(order.reference) ?? new Set()).add(report.status._tag))
  return new Set(
    [...tags].flatMap(([reference, all]) =>
      all.size > 1 && ![...all].every((tag) => tag === "Accepted" || tag === "Settled") ? [reference] : [],
    ),
  )
}

/** A statement shows the movements of the whole account. Those that are none of our orders are for the reconciliation. */
const withoutUnknown = ({ reports, oddities, remarks, isOfOurFile }: MatchedPart): BankReports => ({
  reports,
  oddities: isOfOurFile === true ? oddities : oddities.filter(({ reason }) => reason !== "unknown-reference"),
  remarks,
})

/** A part that cannot be read is kept with the place and the problem, for each of our references in it. */
const ofUnread = (part: UnreadPart, lookup: OrderLookup): BankReports => {
  const { place, problem } = part
  const detail = cleanText(`${place}: ${problem}`)
  const references = referencesIn(part, lookup)
  const named = references.length === 0 ? [place] : references
  return {
    ...nothing,
    oddities: named.map((reference) => ({ reference, reason: "unreadable-entry", detail })),
  }
}

/** The orders that a part names, as far as it can be read. */
const referencesIn = ({ references, uetrs = [] }: UnreadPart, { of }: OrderLookup): ReadonlyArray<string> => {
  const ofUetrs = uetrs.map((uetr) => of({ reference: "", uetr }))
  const named = ofUetrs.flatMap((order) => (typeof order === "object" ? [order.reference] : []))
  const known = references.flatMap((reference) => {
    const order = of({ reference })
    if (typeof order === "object") return [order.reference]
    return parseTransferReference(reference) === undefined ? [] : [reference]
  })
  return [...new Set([...known, ...named])]
}

/** The status of the whole file applies to each of its orders that the report does not name. */
const ofUnnamed = ({ about, file, others }: Reported, apart: ReadonlySet<string>): BankReports => {
  if (file.length === 0) return unmatched(about, "unknown-file")
  if (others === undefined) return nothing
  const rest = file.filter(({ reference }) => !apart.has(reference))
  const status: ReportedStatus = others._tag === "Failed" ? { ...others, whole: true } : others
  const ofRest = combined(rest.map((order) => matched({ reference: order.reference, status }, order)))
  return { ...ofRest, oddities: oddityOfWhole(about, others) }
}

/** A status of a whole file that an operator has to see is reported once, not for each order. */
const oddityOfWhole = (about: string, { _tag }: ReportedStatus): BankReports["oddities"] => {
  if (_tag === "Unclear") return [{ reference: about, reason: "unclear-status" }]
  return _tag === "Failed" ? [{ reference: about, reason: "refused-whole" }] : []
}

/** Parts of a report on a file of ours that are not in this file: payments with their own status, and orders that it names. */
const ofMisplaced = (
  { about, unknownPayments = [] }: StatusReport,
  named: ReadonlyArray<FileOrder>,
  files: ReadonlyArray<Reported>,
): BankReports => {
  const reported = new Set(files.flatMap(({ about, file }) => (file.length === 0 ? [] : [about])))
  const own = new Set(files.flatMap(({ file }) => file.map(({ reference }) => reference)))
  const elsewhere = reported.size === 0 ? [] : named.filter(({ reference }) => !own.has(reference))
  const unknown = unknownPayments.filter((id) => !reported.has(id))
  return combined([
    ...unknown.map((id) => unmatched(id || about, "unknown-payment")),
    ...elsewhere.map(({ reference }) => odd(reference, "other-file")),
  ])
}
