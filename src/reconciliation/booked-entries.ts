/** Entries of statements that name orders of ours in another way than by their references. */
import { Array as Arr, Effect } from "effect"
import { parseTransferReference } from "../domain/identifiers.ts"
import { type BookedOrder, BookedOrders, bookedOf, isSumOf } from "../providers/booked-orders.ts"
import type { StatementEntry } from "../providers/books.ts"

/** Entries that are looked up together. */
const CHUNK = 5_000

/** Whether an entry names no order by our reference, and may do so otherwise. */
export const isIndirect = ({ reference, booking }: StatementEntry): boolean =>
  booking !== undefined && parseTransferReference(reference) === undefined

/**
 * The same entries, each under the reference of the order that it is about: one under the bank's own id, several if it is the
 * one booking of a file or of the transfers that it names, whose sum must agree. Others stay as they are.
 */
export const entriesByOrder = Effect.fn("entriesByOrder")(function* (entries: ReadonlyArray<StatementEntry>) {
  const found: Array<StatementEntry> = []
  for (const [bank, all] of Map.groupBy(entries, ({ bank }) => bank))
    for (const chunk of Arr.chunksOf(all, CHUNK)) {
      const known = yield* knownTo(bank, chunk)
      for (const entry of chunk) found.push(...split(entry, known))
    }
  return found
})

const knownTo = Effect.fnUntraced(function* (bank: string, entries: ReadonlyArray<StatementEntry>) {
  const orders = yield* (yield* BookedOrders).under(bank, {
    references: entries.flatMap(({ booking }) => booking?.members ?? []),
    servicerReferences: entries.flatMap(({ booking }) => booking?.servicerReference ?? []),
    files: entries.flatMap(({ booking }) => booking?.fileIds ?? []),
  })
  const byServicer = orders.flatMap((order) => order.servicerReferences.map((id) => ({ id, order })))
  return {
    byReference: new Map(orders.map((order) => [order.reference, order])),
    byServicer: Map.groupBy(byServicer, ({ id }) => id),
    byFile: Map.groupBy(orders, ({ file }) => file),
  } satisfies Known
})

interface Known {
  readonly byReference: ReadonlyMap<string, BookedOrder>
  readonly byServicer: ReadonlyMap<string, ReadonlyArray<{ readonly order: BookedOrder }>>
  readonly byFile: ReadonlyMap<string, ReadonlyArray<BookedOrder>>
}

const split = (entry: StatementEntry, known: Known): ReadonlyArray<StatementEntry> => {
  const { members = [], servicerReference, fileIds = [], count } = entry.booking ?? {}
  const [first, ...others] = known.byServicer.get(servicerReference ?? "") ?? []
  if (entry.reference === "" && first !== undefined && others.length === 0)
    return [{ ...entry, reference: first.order.reference }]
  const sum = { currency: entry.currency, minor: entry.minor, ...(count === undefined ? {} : { count }) }
  const named = members.flatMap((reference) => known.byReference.get(reference) ?? [])
  if (named.length > 0)
    return named.length === members.length && isSumOf(sum, named) ? expanded(entry, named) : [entry]
  const files = [...new Set(fileIds)]
    .flatMap((id) => [known.byFile.get(id) ?? []])
    .filter((all) => all.length > 0)
  const [file = []] = files
  const isOfFile = entry.reference === "" && entry.kind === "debit" && files.length === 1
  const booked = isOfFile ? bookedOf(sum, file, ({ isRefused }) => isRefused) : undefined
  return booked === undefined ? [entry] : expanded(entry, booked)
}

const expanded = (
  { booking: _, amounts: __, ...entry }: StatementEntry,
  orders: ReadonlyArray<BookedOrder>,
): ReadonlyArray<StatementEntry> =>
  orders.map(({ reference, currency, minor }) => ({ ...entry, reference, currency, minor }))
