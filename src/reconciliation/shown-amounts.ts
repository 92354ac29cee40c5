/** Amounts as a person reads them in a discrepancy. */
import { formatAmount } from "../domain/money.ts"

export interface Money {
  readonly currency: string
  /** In minor units. */
  readonly minor: bigint
}

export const shown = ({ currency, minor }: Money): string => `${currency} ${formatAmount(minor, currency)}`

/** The number of some payments, and their sum in each currency. */
export const shownTogether = (payments: ReadonlyArray<Money>): string => {
  const sums = [...Map.groupBy(payments, ({ currency }) => currency)].map(([currency, all]) =>
    shown({ currency, minor: all.reduce((sum, { minor }) => sum + minor, 0n) }),
  )
  return `${payments.length} payments, ${sums.join(" and ")}`
}
