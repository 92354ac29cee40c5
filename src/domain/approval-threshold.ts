/** When a batch is so large that somebody else has to approve it. */
import type { PayoutItem } from "./events.ts"

/** Amounts in minor units by currency. */
export type AmountsByCurrency = Readonly<Record<string, bigint>>

export const totalsOf = (
  items: ReadonlyArray<Pick<PayoutItem, "currency" | "minor">>,
): ReadonlyMap<string, bigint> => {
  const totals = new Map<string, bigint>()
  for (const { currency, minor } of items) totals.set(currency, (totals.get(currency) ?? 0n) + minor)
  return totals
}

/** Whether thresholds are set at all: then a currency without one has none that is low enough. */
export const hasThresholds = (approvalAbove: AmountsByCurrency): boolean =>
  Object.keys(approvalAbove).length > 0

export const isAboveThreshold = (
  totals: ReadonlyMap<string, bigint>,
  approvalAbove: AmountsByCurrency,
): boolean =>
  hasThresholds(approvalAbove) &&
  [...totals].some(([currency, total]) => total > (approvalAbove[currency] ?? -1n))
