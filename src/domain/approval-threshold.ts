/** Whether a batch is so large that a second person has to approve it. */
import type { PayoutItem } from "./events.ts"

/** Amounts in minor units by currency. */
export type AmountsByCurrency = Readonly<Record<string, bigint>>

/** Totals in minor units by currency. */
export const totalsOf = (
  items: ReadonlyArray<Pick<PayoutItem, "currency" | "minor">>,
): ReadonlyMap<string, bigint> => {
  const totals = new Map<string, bigint>()
  for (const { currency, minor } of items) totals.set(currency, (totals.get(currency) ?? 0n) + minor)
  return totals
}

/** Whether any threshold is set. If so, every amount in a currency without one needs approval. */
export const hasThresholds = (approvalAbove: AmountsByCurrency): boolean =>
  Object.keys(approvalAbove).length > 0

/** Whether the total of any currency is above its threshold. */
export const isAboveThreshold = (
  totals: ReadonlyMap<string, bigint>,
  approvalAbove: AmountsByCurrency,
): boolean =>
  hasThresholds(approvalAbove) &&
  [...totals].some(([currency, total]) => total > (approvalAbove[currency] ?? -1n))
