/**
 * Compares the amount that a bank booked with the one that was ordered. What the bank says of charges and of an exchange
 * explains a difference; what stays unexplained is another amount.
 */
import { formatAmount } from "../../../domain/money.ts"
import type { EntryAmounts } from "../../iso20022/entry-amounts.ts"
import type { TransferReport } from "../../iso20022/transfer-report.ts"
import type { Remark } from "./inbox-files.ts"

interface Money {
  readonly currency: string
  readonly minor: bigint
}

type Explanation = ReadonlyArray<Omit<Remark, "reference">>

/**
 * The charges and the rate that explain what was booked for an order; none if it is the ordered amount. `undefined` if the
 * bank has another amount than was ordered.
 *
 *   - The bank names the ordered amount as instructed, and booked it in another currency: the difference is the rate.
 *   - It booked the ordered amount with or without the charges that it lists, or a part of them.
 *   - It names the ordered amount as instructed and gave back less of it, in its currency: the difference is a charge.
 */
export const explanationOf = (
  ordered: Money,
  { amount, amounts, status }: Pick<TransferReport, "amount" | "amounts" | "status">,
): Explanation | undefined => {
  if (amount === undefined || isSame(amount, ordered)) return listedCharges(amounts)
  const isInstructed = amounts?.instructed.some((instructed) => isSame(instructed, ordered)) ?? false
  if (amount.currency !== ordered.currency)
    return isInstructed ? exchanged(ordered, amount, amounts) : undefined
  const difference = amount.minor - ordered.minor
  const isDeduction = isInstructed && status._tag === "Returned" && difference < 0n && amount.minor > 0n
  if (!isDeduction && !isSumOfCharges(ordered.currency, abs(difference), amounts)) return undefined
  return [chargeOf({ currency: ordered.currency, minor: abs(difference) })]
}

const isSame = (one: Money, other: Money): boolean =>
  one.currency === other.currency && one.minor === other.minor

const abs = (minor: bigint): bigint => (minor < 0n ? -minor : minor)

const shown = ({ currency, minor }: Money): string => `${formatAmount(minor, currency)} ${currency}`

const chargeOf = (charge: Money): Explanation[number] => ({ kind: "charge", remark: shown(charge) })

/** Charges that the bank took in another booking, or that are a part of what it took. */
const listedCharges = (amounts: EntryAmounts | undefined): Explanation =>
  (amounts?.charges ?? []).map(chargeOf)

const exchanged = (ordered: Money, booked: Money, amounts: EntryAmounts | undefined): Explanation => [
  {
    kind: "rate",
    remark: `${shown(booked)} for ${shown(ordered)}${amounts?.rate === undefined ? "" : ` at ${amounts.rate}`}`,
  },
  ...listedCharges(amounts),
]

/** Charges of one transfer that are added up in different ways. */
const CHARGES_MAX = 8

/** Whether a difference is the sum of all charges in this currency, or of some of them: others may be booked apart. */
const isSumOfCharges = (currency: string, difference: bigint, amounts: EntryAmounts | undefined): boolean => {
  const charges = (amounts?.charges ?? [])
    .filter((charge) => charge.currency === currency)
    .slice(0, CHARGES_MAX)
  const sums = [0n]
  for (const { minor } of charges) sums.push(...sums.map((sum) => sum + minor))
  return sums.includes(difference)
}
