/**
 * Finds our orders under the ids that a bank's message names them by: our reference, wherever it stands; the UETR; the bank's
 * own id, once a report named it beside one of ours; Nacha's identification number, and the trace number of a bank that keeps ours; or the file
 * that they were sent in. Only orders that went to this bank are
 * found.
 */
import { Effect } from "effect"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { uetrOf } from "../../../domain/uetr.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import { isFileId } from "../../iso20022/transfer-ids.ts"
import { hasOwnId, type TransferIds, type TransferReport } from "../../iso20022/transfer-report.ts"
import { individualIdOf, isIndividualId } from "../../nacha/individual-id.ts"
import { inPlaces, placeOfTrace } from "../../nacha/trace-numbers.ts"
import { type FileOrder, FileOrders } from "../orders/file-orders.ts"
import { InboxFiles, type ServicerReference } from "./inbox-files.ts"
import { mayBeAnother } from "./servicer-evidence.ts"

/**
 * "conflicting" if the ids are those of several orders; "reused" if the bank's own id, which is all there is, may be of another
 * payment here than of the order that had it.
 */
export type FoundOrder = FileOrder | "conflicting" | "reused" | undefined

export interface OrderLookup {
  /** The order under these ids. */
  readonly of: (ids: TransferIds & Partial<TransferReport>) => FoundOrder
  /** The orders of the file with one of these ids; "conflicting" if they are ids of several files. */
  readonly inFile: (ids: ReadonlyArray<string>) => ReadonlyArray<FileOrder> | "conflicting" | undefined
}

/** What the settings of a bank say of ids: the IBAN that it pays from, and the routing number of the traces that it keeps. */
export interface OwnIds {
  readonly iban?: string | undefined
  readonly traces?: string | undefined
}

/**
 * Looks up what a message names. `iban` is the account that the bank pays from, if it is known; `traces` is the routing number that
 * begins the trace numbers of a bank that keeps these.
 */
export const lookUpOrders = Effect.fn("lookUpOrders")(function* (
  bank: string,
  message: BankMessage,
  { iban, traces }: OwnIds = {},
) {
  const batches = batchesIn(message)
  const all: ReadonlyArray<TransferIds> = [...message.named, ...batches.flatMap(({ members }) => members)]
  const servicers = all.flatMap((ids) =>
    hasOwnId(ids) || ids.servicerReference === undefined ? [] : [ids.servicerReference],
  )
  const learned = yield* (yield* InboxFiles).learned(bank, [...new Set(servicers)])
  const references = new Set([...all.flatMap(ownIds), ...learned.map(({ reference }) => reference)])
  const orders = yield* FileOrders
  const uetrs = [...all, ...unreadUetrs(message)].flatMap(({ uetr }) => uetr ?? [])
  const sent = [
    ...(yield* orders.sent(bank, [...references])),
    ...(yield* orders.sentUnder(bank, [...new Set(uetrs)])),
  ]
  const numbers = [...all, ...unreadNumbers(message)].flatMap(ownIds).filter(isIndividualId)
  const traced = yield* tracedOrders(bank, message, traces)
  sent.push(...(yield* orders.sentAs(bank, [...new Set(numbers)])), ...traced.values())
  const byReference = new Map(sent.map((order) => [order.reference, order]))
  const byUetr = new Map(byReference.values().map((order) => [uetrOf(order.reference), order]))
  const byNumber = Map.groupBy(byReference.values(), ({ reference }) => individualIdOf(reference))
  const byServicer = Map.groupBy(learned, ({ servicer }) => servicer)
  const files = new Map<string, ReadonlyArray<FileOrder>>()
  const of: OrderLookup["of"] = (ids) => {
    const found = new Set(ownIds(ids).flatMap((id) => byReference.get(id) ?? byNumber.get(id) ?? []))
    const atTrace = byReference.get(traced.get(ids.trace ?? "")?.reference ?? "")
    if (atTrace !== undefined) {
      // Traces of all who originate at a bank begin alike: with another's identification number, this one is another's.
      if (ids.reference !== "" && !found.has(atTrace)) return "conflicting"
      found.add(atTrace)
    }
    const named = ids.uetr === undefined ? undefined : byUetr.get(ids.uetr)
    if (named !== undefined) found.add(named)
    const known = hasOwnId(ids) ? [] : (byServicer.get(ids.servicerReference ?? "") ?? [])
    for (const { reference } of known)
      for (const order of [byReference.get(reference) ?? []].flat()) found.add(order)
    const [order, ...others] = found
    if (others.length > 0) return "conflicting"
    // A reference of ours that never went to this bank is that of another order, too.
    if (order !== undefined && ownIds(ids).some((id) => isOurs(id) && id !== order.reference))
      return "conflicting"
    // Then the bank used its id again, for a booking of that file.
    if (known.some(({ sent }) => ids.fileIds?.some((id) => files.has(id) && id !== sent.messageId)))
      return undefined
    return order !== undefined && known.some(({ sent }) => mayBeAnother(ids, sent, iban, isFileId))
      ? "reused"
      : order
  }
  const named = [...message.named.filter((ids) => !hasOwnId(ids) || of(ids) === undefined), ...batches]
  for (const id of new Set(named.flatMap(({ fileIds = [] }) => fileIds))) {
    const sentIn = isFileId(id) ? yield* orders.sentIn(bank, id) : []
    if (sentIn.length > 0) files.set(id, sentIn)
  }
  const inFile: OrderLookup["inFile"] = (ids) => {
    const found = [...new Set(ids)].map((id) => files.get(id)).filter((orders) => orders !== undefined)
    return found.length > 1 ? "conflicting" : found[0]
  }
  return { of, inFile } satisfies OrderLookup
})

/** The bookings of several transfers in a message. */
export const batchesIn = (message: BankMessage) => ("batches" in message ? (message.batches ?? []) : [])

/** Orders by the trace numbers that a message names, of a bank that keeps ours. */
const tracedOrders = Effect.fnUntraced(function* (
  bank: string,
  message: BankMessage,
  originatingDfi: string | undefined,
) {
  const found = new Map<string, FileOrder>()
  if (message._tag !== "ReturnFile" || originatingDfi === undefined) return found
  const files = new Map<string, ReadonlyArray<FileOrder>>()
  for (const trace of new Set(message.named.flatMap(({ trace = [] }) => trace))) {
    const place = placeOfTrace(originatingDfi, trace, message.madeOn)
    if (place === undefined) continue
    const messageId = `USD-ach-${place.day}-${place.sequence}`
    const file = files.get(messageId) ?? inPlaces(yield* (yield* FileOrders).sentIn(bank, messageId))
    files.set(messageId, file)
    const order = file[place.index]
    if (order !== undefined) found.set(trace, order)
  }
  return found
})

/** Our numbers in parts that cannot be read. */
const unreadNumbers = ({ unread = [] }: BankMessage): ReadonlyArray<{ readonly reference: string }> =>
  unread.flatMap(({ references }) => references.map((reference) => ({ reference })))

const unreadUetrs = ({ unread = [] }: BankMessage): ReadonlyArray<{ readonly uetr: string }> =>
  unread.flatMap(({ uetrs = [] }) => uetrs.map((uetr) => ({ uetr })))

const isOurs = (id: string): boolean => parseTransferReference(id) !== undefined

const ownIds = ({
  reference,
  otherReferences = [],
}: Pick<TransferIds, "reference" | "otherReferences">): ReadonlyArray<string> =>
  reference === "" ? [] : [reference, ...otherReferences]

/**
 * The bank's own ids of orders that a message names by our reference or the UETR as well. `isOdd` if what the message says
 * there has no effect: then the id may be that of another booking, such as a charge. An id that the message gives to somebody
 * else's transfer, too, such as that of an entry with both, is left out: nothing would say later whose it is.
 */
export const servicerReferencesIn = (
  message: BankMessage,
  { of }: OrderLookup,
  isOdd: (report: TransferReport, order: FileOrder) => boolean,
): ReadonlyArray<ServicerReference> => {
  const found = message.named.flatMap((ids) =>
    hasOwnId(ids) && ids.servicerReference !== undefined && ids.status._tag !== "Unclear"
      ? [{ servicer: ids.servicerReference, ids, order: of(ids) }]
      : [],
  )
  const others = new Set(found.flatMap(({ servicer, order }) => (order === undefined ? [servicer] : [])))
  return found.flatMap(({ servicer, ids, order }) =>
    typeof order !== "object" || others.has(servicer) || isOdd(ids, order)
      ? []
      : [{ servicer, reference: order.reference }],
  )
}

/** What a person finds a report by: its first id. */
export const shownId = ({ reference, uetr, servicerReference, fileIds = [] }: TransferIds): string =>
  reference || (uetr ?? servicerReference ?? fileIds[0] ?? "")
