/** Entries of statements that name orders of ours in another way than by one reference of ours. */
import { Array as Arr, Effect } from "effect"
import { parseTransferReference } from "../domain/identifiers.ts"
import { isUetr, uetrOf } from "../domain/uetr.ts"
import { type BookedOrder, BookedOrders, isOfAnotherTime, isSumOf } from "../providers/booked-orders.ts"
import { RECORDS_MAX, SourceUnreadable, type StatementEntry } from "../providers/books.ts"
import { individualIdOf, isIndividualId } from "../providers/nacha/individual-id.ts"
import { bookedByFile, type OfFile } from "./file-bookings.ts"
import { shownTogether } from "./shown-amounts.ts"

/** Entries that are looked up together. */
const CHUNK = 5_000

/** Whether an entry has ids that may be those of our orders, beside or instead of one reference of ours. */
export const isIndirect = ({ reference, booking }: StatementEntry): boolean =>
  booking !== undefined && (booking.ids !== undefined || !isOurs(reference))

const isOurs = (reference: string): boolean => parseTransferReference(reference) !== undefined

/**
 * The same entries, each under the reference of the order that it is about: one under its UETR or the bank's own id, several if
 * it is the one booking of a file or of the transfers that it names, or with others of its day one of a file, if the sum agrees.
 * Those that have ids of ours and do not agree with our orders are `unclear`. Others stay as they are.
 */
export const entriesByOrder = Effect.fn("entriesByOrder")(function* (entries: ReadonlyArray<StatementEntry>) {
  const found: Array<StatementEntry> = []
  for (const [bank, all] of Map.groupBy(entries, ({ bank }) => bank)) {
    const parts: Array<ReadonlyArray<StatementEntry> | OfFile> = []
    for (const chunk of Arr.chunksOf(all, CHUNK)) {
      const known = yield* knownTo(bank, chunk)
      for (const entry of chunk) parts.push(ordersOf(entry, known))
    }
    const byFile = bookedByFile(
      parts.filter((part) => "file" in part),
      RECORDS_MAX,
    )
    if (byFile === undefined)
      return yield* new SourceUnreadable({
        source: `the statements of ${bank}`,
        reason: `they book files of more than ${RECORDS_MAX} orders`,
      })
    for (const part of parts) found.push(...("file" in part ? (byFile.get(part.entry) ?? []) : part))
  }
  return found
})

const knownTo = Effect.fnUntraced(function* (bank: string, entries: ReadonlyArray<StatementEntry>) {
  const ids = entries.flatMap(({ booking }) => [...(booking?.ids ?? []), ...(booking?.members ?? []).flat()])
  const orders = yield* (yield* BookedOrders).under(bank, {
    references: ids.filter(isOurs),
    uetrs: ids.filter(isUetr),
    individualIds: ids.filter(isIndividualId),
    servicerReferences: entries.flatMap(({ booking }) => booking?.servicerReference ?? []),
    files: entries.flatMap(({ booking }) => booking?.fileIds ?? []),
  })
  const byServicer = orders.flatMap((order) => order.servicerReferences.map((id) => ({ id, order })))
  return {
    byId: new Map(
      orders.flatMap((order) =>
        [order.reference, uetrOf(order.reference), individualIdOf(order.reference)].map((id) => [id, order]),
      ),
    ),
    byServicer: Map.groupBy(byServicer, ({ id }) => id),
    byFile: Map.groupBy(orders, ({ file }) => file),
  } satisfies Known
})

interface Known {
  /** By our reference, its UETR, and its identification number of Nacha. */
  readonly byId: ReadonlyMap<string | undefined, BookedOrder>
  readonly byServicer: ReadonlyMap<string, ReadonlyArray<{ readonly order: BookedOrder }>>
  readonly byFile: ReadonlyMap<string, ReadonlyArray<BookedOrder>>
}

/** The entry under the references that it is about, or, if it names no more than a file of ours, with the orders of that. */
const ordersOf = (entry: StatementEntry, known: Known): ReadonlyArray<StatementEntry> | OfFile => {
  const { ids, members = [] } = entry.booking ?? {}
  if (ids !== undefined) return [underOwnId(entry, ids, known)]
  if (entry.reference !== "") return [entry]
  if (members.length > 0) return ofMembers(entry, members, known)
  return underServicerId(entry, known) ?? ofFile(entry, known)
}

/** Our references that ids name, of orders of any bank, or by the UETR of an order of this one. */
const referencesBy = (ids: ReadonlyArray<string>, { byId }: Known): ReadonlyArray<string> => [
  ...new Set(ids.flatMap((id) => (isOurs(id) ? [id] : (byId.get(id)?.reference ?? [])))),
]

const underOwnId = (entry: StatementEntry, ids: ReadonlyArray<string>, known: Known): StatementEntry => {
  const { booking: _, ...own } = entry
  const [reference, ...others] = referencesBy(ids, known)
  if (reference === undefined) return entry
  return others.length === 0
    ? { ...own, reference }
    : { ...own, reference: "", unclear: { about: ids.join(" "), expected: "the ids of one order" } }
}

/** Several transfers in one sum: all of them must be ours, and the sum theirs. */
const ofMembers = (
  entry: StatementEntry,
  members: ReadonlyArray<ReadonlyArray<string>>,
  known: Known,
): ReadonlyArray<StatementEntry> => {
  const named = members.map((ids) => referencesBy(ids, known))
  const orders = named.map(([reference]) => known.byId.get(reference))
  const ours = [...new Set(orders.filter((order) => order !== undefined))]
  if (ours.length === 0) return [entry]
  const { currency, minor, booking } = entry
  const sum = { currency, minor, ...(booking?.count === undefined ? {} : { count: booking.count }) }
  const isClear = named.every(({ length }) => length === 1) && ours.length === members.length
  if (isClear && isSumOf(sum, ours)) return expanded(entry, ours)
  const about = ours.map(({ reference }) => reference).join(" ")
  return [{ ...entry, unclear: { about, expected: shownTogether(ours) } }]
}

const underServicerId = (entry: StatementEntry, known: Known): ReadonlyArray<StatementEntry> | undefined => {
  const { booking, ...own } = entry
  const [first, ...others] = known.byServicer.get(booking?.servicerReference ?? "") ?? []
  if (first === undefined || others.length > 0) return undefined
  const { reference, sent, file } = first.order
  // In all of these cases the bank used its id again, for a booking of that file or for another payment.
  if (booking?.fileIds?.some((id) => id !== file && known.byFile.has(id))) return undefined
  const isReused =
    booking?.isRepeated === true ||
    (booking?.paymentId !== undefined && booking.paymentId !== file) ||
    (sent !== undefined && isOfAnotherTime(sent, entry.bookedOn, entry.kind))
  if (!isReused) return [{ ...own, reference }]
  const about = `${booking?.servicerReference} ${reference}`
  return [{ ...entry, unclear: { about, expected: "an entry that only this order can have" } }]
}

const ofFile = (entry: StatementEntry, known: Known): ReadonlyArray<StatementEntry> | OfFile => {
  const ids = [...new Set(entry.booking?.fileIds ?? [])].filter((id) => known.byFile.has(id))
  const [id, ...others] = ids
  if (id === undefined) return [entry]
  return others.length === 0
    ? { entry, id, file: known.byFile.get(id) ?? [] }
    : [{ ...entry, unclear: { about: ids.join(" "), expected: "the id of one file" } }]
}

const expanded = (
  { booking: _, amounts: __, ...entry }: StatementEntry,
  orders: ReadonlyArray<BookedOrder>,
): ReadonlyArray<StatementEntry> =>
  orders.map(({ reference, currency, minor }) => ({ ...entry, reference, currency, minor }))
