/**
 * Finds our orders under the ids that a bank's message names them by: our reference, wherever it stands; the UETR; the bank's
 * own id, once a report named it beside one of ours; or the file that they were sent in. Only orders that went to this bank are
 * found.
 */
import { Effect } from "effect"
import { uetrOf } from "../../../domain/uetr.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import { hasOwnId, type TransferIds, type TransferReport } from "../../iso20022/transfer-report.ts"
import { type FileOrder, FileOrders } from "./file-orders.ts"
import { InboxFiles, type ServicerReference } from "./inbox-files.ts"

export interface OrderLookup {
  /** The order under these ids; "conflicting" if they are ids of several orders. */
  readonly of: (ids: TransferIds) => FileOrder | "conflicting" | undefined
  /** The orders of the file with one of these ids; "conflicting" if they are ids of several files. */
  readonly inFile: (ids: ReadonlyArray<string>) => ReadonlyArray<FileOrder> | "conflicting" | undefined
}

/** Our files' message ids (0009-file-orders.sql): other ids are not looked up. */
const messageIdPattern = /^[A-Z]{3}-[a-z-]+-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{1,4}$/

export const lookUpOrders = Effect.fn("lookUpOrders")(function* (bank: string, message: BankMessage) {
  const batches = message._tag === "StatusReport" ? [] : (message.batches ?? [])
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
  const byReference = new Map(sent.map((order) => [order.reference, order]))
  const byUetr = new Map(byReference.values().map((order) => [uetrOf(order.reference), order]))
  const byServicer = Map.groupBy(learned, ({ servicer }) => servicer)
  const of: OrderLookup["of"] = (ids) => {
    const found = new Set(ownIds(ids).flatMap((id) => byReference.get(id) ?? []))
    const named = ids.uetr === undefined ? undefined : byUetr.get(ids.uetr)
    if (named !== undefined) found.add(named)
    const known = hasOwnId(ids) ? [] : (byServicer.get(ids.servicerReference ?? "") ?? [])
    for (const { reference } of known)
      for (const order of [byReference.get(reference) ?? []].flat()) found.add(order)
    const [order, ...others] = found
    return others.length > 0 ? "conflicting" : order
  }
  const files = new Map<string, ReadonlyArray<FileOrder>>()
  const named = [...message.named.filter((ids) => of(ids) === undefined), ...batches]
  for (const id of new Set(named.flatMap(({ fileIds = [] }) => fileIds)))
    if (messageIdPattern.test(id)) files.set(id, yield* orders.sentIn(bank, id))
  const inFile: OrderLookup["inFile"] = (ids) => {
    const found = [...new Set(ids)].map((id) => files.get(id) ?? []).filter((orders) => orders.length > 0)
    return found.length > 1 ? "conflicting" : found[0]
  }
  return { of, inFile } satisfies OrderLookup
})

const unreadUetrs = ({ unread = [] }: BankMessage): ReadonlyArray<{ readonly uetr: string }> =>
  unread.flatMap(({ uetrs = [] }) => uetrs.map((uetr) => ({ uetr })))

const ownIds = ({ reference, otherReferences = [] }: TransferIds): ReadonlyArray<string> =>
  reference === "" ? [] : [reference, ...otherReferences]

/**
 * The bank's own ids of orders that a message names by our reference or the UETR as well. `isOdd` if what the message says there has no
 * effect: then the id may be that of another booking, such as a charge.
 */
export const servicerReferencesIn = (
  { named }: BankMessage,
  { of }: OrderLookup,
  isOdd: (report: TransferReport, order: FileOrder) => boolean,
): ReadonlyArray<ServicerReference> =>
  named.flatMap((ids) => {
    const order = !hasOwnId(ids) || ids.servicerReference === undefined ? undefined : of(ids)
    return order === undefined || order === "conflicting" || isOdd(ids, order)
      ? []
      : [{ servicer: ids.servicerReference ?? "", reference: order.reference }]
  })

/** What a person finds a report by: its first id. */
export const shownId = ({ reference, uetr, servicerReference, fileIds = [] }: TransferIds): string =>
  reference || (uetr ?? servicerReference ?? fileIds[0] ?? "")
