/**
 * Compares the amount that a bank booked with the one that was ordered. What the bank says of charges and of an exchange
 * explains a difference; what stays unexplained is another amount.
 */
import { chargeText, rateText } from "../domain/bank-remark.ts"
import { formatAmount } from "../domain/money.ts"

interface Money {
  readonly currency: string
  /** In minor units. */
  readonly minor: bigint
}

/** What a bank says of amounts beside the one that it booked. */
export interface StatedAmounts {
  /** The amounts that the bank calls instructed, or the transaction's: one of them is what was ordered. */
  readonly instructed: ReadonlyArray<Money>
  /** What the bank took for it, each as a positive amount. */
  readonly charges: ReadonlyArray<Money>
  /** The rate of an exchange, as the bank writes it. */
  readonly rate?: string
}

export interface Booked extends Money {
  readonly amounts?: StatedAmounts
  /** Whether it came back. */
  readonly isReturn: boolean
}

/** A charge, or the rate of an exchange, as `domain/bank-remark.ts` writes it. */
export interface AmountRemark {
  readonly kind: "charge" | "rate"
  readonly remark: string
}

/**
 * The charges and the rate that explain what was booked for an order; none if it is the ordered amount. `undefined` if the
 * bank has another amount than was ordered.
 *
 *   - The bank names the ordered amount as instructed, and booked it in another currency: the difference is the rate.
 *   - It booked the ordered amount with or without the charges that it lists, or a part of them.
 *   - It names the ordered amount as instructed and gave back less of it, in its currency: the difference is a charge.
 *
 * An explanation has to be plausible: what was booked is not one of the charges themselves, charges are less than the ordered
 * amount, at most half of a return is a charge that is not listed, and a rate that the bank names is that of the two amounts.
 */
export const explanationOf = (ordered: Money, booked: Booked): ReadonlyArray<AmountRemark> | undefined => {
  const { amounts } = booked
  if (isSame(booked, ordered)) return listedCharges(amounts)
  if (booked.minor <= 0n || isSumOfCharges(booked.currency, booked.minor, amounts)) return undefined
  const isInstructed = amounts?.instructed.some((instructed) => isSame(instructed, ordered)) ?? false
  if (booked.currency !== ordered.currency)
    return isInstructed && isAtRate(ordered, booked) ? exchanged(ordered, booked) : undefined
  const difference = abs(booked.minor - ordered.minor)
  if (difference >= ordered.minor) return undefined
  const isReturnOfLess = booked.isReturn && booked.minor < ordered.minor
  const isDeduction = isInstructed && isReturnOfLess && 2n * difference <= ordered.minor
  if (!isDeduction && !isSumOfCharges(ordered.currency, difference, amounts)) return undefined
  const charge = { currency: ordered.currency, minor: difference }
  return [{ kind: "charge", remark: chargeText(charge, { instructed: ordered, booked }) }]
}

const isSame = (one: Money, other: Money): boolean =>
  one.currency === other.currency && one.minor === other.minor

const abs = (minor: bigint): bigint => (minor < 0n ? -minor : minor)

const chargeOf = (charge: Money): AmountRemark => ({ kind: "charge", remark: chargeText(charge) })

/** Charges that the bank took in another booking, or that are a part of what it took: beyond some, their sums. */
const listedCharges = (amounts: StatedAmounts | undefined): ReadonlyArray<AmountRemark> => {
  const { charges } = amounts ?? { charges: [] }
  if (charges.length <= CHARGES_MAX) return charges.map(chargeOf)
  return [...Map.groupBy(charges, ({ currency }) => currency)].map(([currency, all]) =>
    chargeOf({ currency, minor: all.reduce((sum, { minor }) => sum + minor, 0n) }),
  )
}

const exchanged = (ordered: Money, booked: Booked): ReadonlyArray<AmountRemark> => [
  { kind: "rate", remark: rateText({ instructed: ordered, booked }, booked.amounts?.rate) },
  ...listedCharges(booked.amounts),
]

/** How far amounts may be from their rate, of which banks round both and take charges that they do not list. */
const RATE_TOLERANCE = 0.1

/**
 * Whether two amounts are exchanged at the rate that the bank names, if it names one. It may be the rate of either currency;
 * listed charges may be part of what was booked.
 */
const isAtRate = (ordered: Money, { amounts, ...booked }: Booked): boolean => {
  if (amounts?.rate === undefined) return true
  const rate = Number(amounts.rate)
  const charged = amounts.charges
    .filter(({ currency }) => currency === booked.currency)
    .reduce((sum, { minor }) => sum + minor, 0n)
  const rates = [0n, charged, -charged].map(
    (more) => majorOf({ ...booked, minor: booked.minor + more }) / majorOf(ordered),
  )
  const stated = [rate, 1 / rate].filter((rate) => rate > 0 && Number.isFinite(rate))
  return rates.some((own) => stated.some((rate) => Math.abs(own - rate) <= RATE_TOLERANCE * rate))
}

/** For comparing with a rate only. */
const majorOf = ({ currency, minor }: Money): number =>
  minor <= 0n ? 0 : Number(formatAmount(minor, currency))

/** Charges of one transfer that are added up in different ways, and kept one by one. */
const CHARGES_MAX = 8

/** Whether an amount is the sum of all charges in this currency, or of some of them: others may be booked apart. */
const isSumOfCharges = (currency: string, minor: bigint, amounts: StatedAmounts | undefined): boolean => {
  const charges = (amounts?.charges ?? []).filter((charge) => charge.currency === currency)
  const sums = [0n]
  for (const { minor } of charges.slice(0, CHARGES_MAX)) sums.push(...sums.map((sum) => sum + minor))
  return sums.includes(minor) || charges.reduce((sum, { minor }) => sum + minor, 0n) === minor
}
