/** The port to our orders that a bank may book in one sum, or under ids of its own, and what such a booking is about. */
import { Context, type Effect } from "effect"
import { addDays, type Day } from "../domain/business-days.ts"
import type { SourceUnreadable } from "./books.ts"

/** The file that an order was sent in. */
export interface SentFile {
  readonly messageId: string
  /** The day on which it was made, in UTC. */
  readonly madeOn: Day
  /** The day on which the bank was to execute it. */
  readonly executedOn: Day
}

export interface BookedOrder {
  readonly reference: string
  /** The message id of the file that it was sent in. */
  readonly file: string
  readonly currency: string
  readonly minor: bigint
  /** The bank refused it by name. */
  readonly isRefused: boolean
  /** The bank's own ids of it, as far as its reports named them. */
  readonly servicerReferences: ReadonlyArray<string>
  /** When the file was made and to be executed, where that is known. */
  readonly sent?: SentFile
}

/** A bank's day may begin before that in UTC. */
const DAYS_BEFORE_MAX = 1
/** A bank may hold a payment for some days, for a check or a holiday. */
const DAYS_AFTER_MAX = 10

/**
 * Whether a booking is of a day on which the bank cannot have paid an order under its own id: before the order's file was made,
 * or long after it was to be executed. What came back may come long after.
 */
export const isOfAnotherTime = (sent: SentFile, bookedOn: Day, kind: "debit" | "credit"): boolean =>
  bookedOn < addDays(sent.madeOn, -DAYS_BEFORE_MAX) ||
  (kind === "debit" && bookedOn > addDays(later(sent.madeOn, sent.executedOn), DAYS_AFTER_MAX))

const later = (one: Day, other: Day): Day => (one > other ? one : other)

/** The ids under which entries of a bank name orders; any of them may be a stranger's. */
export interface BookedIds {
  readonly references: ReadonlyArray<string>
  /** In lower case. */
  readonly uetrs: ReadonlyArray<string>
  readonly servicerReferences: ReadonlyArray<string>
  /** Identification numbers of Nacha. */
  readonly individualIds?: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
}

export class BookedOrders extends Context.Service<
  BookedOrders,
  {
    /** The orders that a bank got under any of these ids: of a file, all of them. */
    readonly under: (
      bank: string,
      ids: BookedIds,
    ) => Effect.Effect<ReadonlyArray<BookedOrder>, SourceUnreadable>
  }
>()("atlaspay/providers/BookedOrders") {}

interface Money {
  readonly currency: string
  /** In minor units. */
  readonly minor: bigint
}

interface Sum extends Money {
  /** How many were booked, if the bank says it. */
  readonly count?: number
}

/**
 * Whether a sum, and its count if there is one, are those of these orders, which are of positive amounts. It ends with the first
 * order that is too much, because a small booking may be compared with a file of thousands, and there may be thousands of them.
 */
export const isSumOf = ({ count, currency, minor }: Sum, orders: ReadonlyArray<Money>): boolean => {
  if (orders.length === 0 || (count !== undefined && count !== orders.length)) return false
  let left = minor
  for (const order of orders) {
    left -= order.minor
    if (order.currency !== currency || left < 0n) return false
  }
  return left === 0n
}

/**
 * The orders of a file that one sum was booked for: all of them; or, if the bank says how many, those that it had not refused.
 * `undefined` if the sum is of neither.
 */
export const bookedOf = <Order extends Money>(
  sum: Sum,
  file: ReadonlyArray<Order>,
  isRefused: (order: Order) => boolean,
): ReadonlyArray<Order> | undefined => {
  if (isSumOf(sum, file)) return file
  if (sum.count === undefined) return undefined
  const rest = file.filter((order) => !isRefused(order))
  return isSumOf(sum, rest) ? rest : undefined
}
