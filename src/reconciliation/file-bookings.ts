/**
 * Entries that name no order but the file that it was sent in, each for some of its orders. Those of one day and account are added up: they
 * count if sum and number are what was ordered in the file, never for a part of it, because nothing says for which.
 */
import { type BookedOrder, bookedOf } from "../providers/booked-orders.ts"
import type { StatementEntry } from "../providers/books.ts"
import { shownTogether } from "./shown-amounts.ts"

/** An entry that names a file of ours, with the orders of the file. */
export interface OfFile {
  readonly entry: StatementEntry
  /** The message id of the file. */
  readonly id: string
  readonly file: ReadonlyArray<BookedOrder>
}

/**
 * What becomes of each entry: it stands for orders of the file, its part of their sum is in another one of the same sum, or it
 * is unclear. `undefined` if the entries stand for more than `ordersMax` orders together: a file may be booked again and again.
 */
export const bookedByFile = (
  entries: ReadonlyArray<OfFile>,
  ordersMax: number,
): ReadonlyMap<StatementEntry, ReadonlyArray<StatementEntry>> | undefined => {
  const ofOneSum = Map.groupBy(entries, ({ id, entry: { kind, currency, bookedOn, booking } }) =>
    JSON.stringify([id, kind, currency, bookedOn, booking?.isElsewhere]),
  )
  const room: Room = { left: ordersMax }
  const become = new Map(ofOneSum.values().flatMap((all) => becomeOf(all, room)))
  return room.left < 0 ? undefined : become
}

/** For orders that entries stand for. */
interface Room {
  left: number
}

type Become = ReadonlyArray<readonly [StatementEntry, ReadonlyArray<StatementEntry>]>

/** All of them are one sum of the file; or else each that is one by itself, and the others together. */
const becomeOf = (all: ReadonlyArray<OfFile>, room: Room): Become => {
  const together = inOneSum(all, room)
  if (together !== undefined) return together
  const alone = all.map((one) => ({ one, become: inOneSum([one], room) }))
  const rest = alone.flatMap(({ one, become }) => (become === undefined ? [one] : []))
  return [
    ...alone.flatMap(({ become = [] }) => become),
    ...(inOneSum(rest, room) ??
      rest.map(({ entry, id, file }) => [entry, [unclear(entry, id, file)]] as const)),
  ]
}

const inOneSum = (all: ReadonlyArray<OfFile>, room: Room): Become | undefined => {
  const [first, ...others] = all
  // What came back may be of another copy of the file.
  if (first === undefined || first.entry.kind === "credit" || hasCopies(all)) return undefined
  const counts = all.map(({ entry }) => countOf(entry, others.length > 0))
  const sum = {
    currency: first.entry.currency,
    minor: all.reduce((sum, { entry }) => sum + entry.minor, 0n),
    ...(counts.includes(undefined)
      ? {}
      : { count: counts.reduce((sum: number, count = 0) => sum + count, 0) }),
  }
  const booked = bookedOf(sum, first.file, ({ isRefused }) => isRefused)
  if (booked === undefined) return undefined
  room.left -= booked.length
  if (room.left < 0) return undefined
  const { booking: _, amounts: __, ...entry } = first.entry
  const orders = booked.map(({ reference, currency, minor }) => ({ ...entry, reference, currency, minor }))
  return [[first.entry, orders], ...others.map(({ entry }) => [entry, []] as const)]
}

/**
 * Whether two statements may show one booking: each has it once, under the same id of the bank. Added up, it could stand for two
 * orders of which one was paid.
 */
const hasCopies = (all: ReadonlyArray<OfFile>): boolean => {
  const keys = all.flatMap(({ entry: { booking, minor } }) =>
    booking?.servicerReference === undefined || booking.isRepeated === true
      ? []
      : [JSON.stringify([booking.servicerReference, String(minor)])],
  )
  return new Set(keys).size < keys.length
}

/** How many orders an entry stands for: as it says, and one if it is a transaction among others. */
const countOf = ({ booking }: StatementEntry, isAmongOthers: boolean): number | undefined =>
  isAmongOthers && booking?.members === undefined ? 1 : booking?.count

const unclear = (entry: StatementEntry, id: string, file: ReadonlyArray<BookedOrder>): StatementEntry => ({
  ...entry,
  unclear: { about: id, expected: shownTogether(file) },
})
