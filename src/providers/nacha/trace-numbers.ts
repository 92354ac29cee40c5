/**
 * Trace numbers: eight digits of the originating bank, and seven that follow from the day, the number of the file on it, and the place
 * of the order in it. They ascend within a file, no two entries of 27 days have the same, and each leads back to its place.
 * The orders of a file have their places by their references, so it does not matter in which order a store has them.
 */
import { addDays, type Day } from "../../domain/business-days.ts"

export const ENTRIES_PER_FILE_MAX = 10_000
const FILES_PER_DAY_MAX = 36
const PER_DAY = ENTRIES_PER_FILE_MAX * FILES_PER_DAY_MAX
/** After so many days the seven digits begin anew. */
const DAYS = 27
const DAY_MS = 86_400_000

interface Place {
  readonly day: Day
  /** The number of the file on its day, from 1. */
  readonly sequence: number
  /** The place of the entry in the file, from 0. */
  readonly index: number
}

/** The trace number of an entry: 15 digits. `originatingDfi` is a routing number. */
export const traceNumberOf = (originatingDfi: string, { day, sequence, index }: Place): string => {
  if (sequence > FILES_PER_DAY_MAX || index >= ENTRIES_PER_FILE_MAX)
    throw new Error("a file has a number, or an order a place, that no trace number has")
  const number = daysOf(day) * PER_DAY + (sequence - 1) * ENTRIES_PER_FILE_MAX + index + 1
  return `${originatingDfi.slice(0, 8)}${String(number).padStart(7, "0")}`
}

/**
 * The place of a trace number of ours that a bank names on a day; nothing for another one's. It is of the last 27 days.
 */
export const placeOfTrace = (originatingDfi: string, trace: string, namedOn: Day): Place | undefined => {
  if (!/^[0-9]{15}$/.test(trace) || trace.slice(0, 8) !== originatingDfi.slice(0, 8)) return undefined
  const number = Number(trace.slice(8)) - 1
  const days = Math.floor(number / PER_DAY)
  if (number < 0 || days >= DAYS) return undefined
  const inDay = number % PER_DAY
  return {
    // A bank may name the entry on the banking day of the file, or a file that was made ahead before it.
    day: addDays(namedOn, AHEAD_DAYS - ((daysOf(addDays(namedOn, AHEAD_DAYS)) - days + DAYS) % DAYS)),
    sequence: Math.floor(inDay / ENTRIES_PER_FILE_MAX) + 1,
    index: inDay % ENTRIES_PER_FILE_MAX,
  }
}

/** No banking day is further away than this. */
const AHEAD_DAYS = 5

const daysOf = (day: Day): number => (Date.parse(day) / DAY_MS) % DAYS

/** Orders in the order in which their entries are in the file. */
export const inPlaces = <Order extends { readonly reference: string }>(
  orders: ReadonlyArray<Order>,
): ReadonlyArray<Order> =>
  orders.toSorted((one, other) =>
    one.reference < other.reference ? -1 : Number(one.reference > other.reference),
  )
