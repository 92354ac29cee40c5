/**
 * Which amount of a transaction counts: its own, or what its entry booked. Entries of charges may repeat the amounts of the
 * transfers that they are for, so what was booked has the last word.
 */
import type { StatedAmounts } from "../booked-amount.ts"
import { type Amount, amount, maybe } from "./element.ts"
import { amountsIn } from "./entry-amounts.ts"
import type { Element } from "./xml-reader.ts"

/** An amount, and what else is said of it. */
interface Priced {
  readonly amount: Amount
  readonly amounts?: StatedAmounts
}

/** What these elements say of amounts beside the one that counts. */
export const withAmounts = (elements: ReadonlyArray<Element>): { readonly amounts?: StatedAmounts } => {
  const amounts = amountsIn(elements)
  return amounts === undefined ? {} : { amounts }
}

/** The amount of a transaction: at the place of newer versions, then at that of older ones. */
export const amountOf = (transaction: Element): Amount | undefined => {
  if (maybe(transaction, "Amt") !== undefined) return amount(transaction, "Amt")
  return maybe(transaction, "AmtDtls", "TxAmt") === undefined
    ? undefined
    : amount(transaction, "AmtDtls", "TxAmt", "Amt")
}

/**
 * The amount of the only transaction that an entry lists. Its own counts if it is what was booked, or the larger part of that
 * beside charges, or if it is `oneOfMany` that were booked. Else what was booked counts: it may be a charge for the
 * transaction, what came back of it, or its worth in the currency of the account.
 */
export const bookedIn = (entry: Element, transaction: Element, oneOfMany: boolean): Priced => {
  const booked = amount(entry, "Amt")
  const own = amountOf(transaction)
  const stated = withAmounts([transaction, entry])
  if (own === undefined) return { amount: booked, ...stated }
  if (isBookedAs(own, booked, oneOfMany)) return { amount: own, ...stated }
  const { instructed = [], charges = [], ...rate } = stated.amounts ?? {}
  return { amount: booked, amounts: { instructed: [...instructed, own], charges, ...rate } }
}

const isBookedAs = (own: Amount, booked: Amount, oneOfMany: boolean): boolean => {
  if (own.currency !== booked.currency || own.minor > booked.minor) return false
  return oneOfMany || own.minor === booked.minor || booked.minor < 2n * own.minor
}

interface Movement extends Amount {
  readonly kind: "debit" | "credit"
}

/**
 * Whether transactions are more than the total that was booked for them. Such an entry is about something else, such as the
 * charges for them. Of what comes back, charges may be missing, up to a half.
 */
export const isMoreThan = (
  total: Amount,
  kind: Movement["kind"],
  transactions: ReadonlyArray<Movement>,
): boolean => {
  if (transactions.some((one) => one.kind !== kind)) return false
  const alike = transactions.filter(({ currency }) => currency === total.currency)
  const sum = alike.reduce((sum, { minor }) => sum + minor, 0n)
  return kind === "debit" ? sum > total.minor : sum > 2n * total.minor
}
