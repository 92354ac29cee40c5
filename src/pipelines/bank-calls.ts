import { Effect } from "effect"
import type { DueTransfer } from "./batch-items.ts"

/**
 * Makes a call for each transfer, at most `concurrency` at a time for each bank. A slow answer does not delay the others,
 * and a slow bank does not delay other banks.
 */
export const callBanks = (
  transfers: ReadonlyArray<DueTransfer>,
  concurrency: number,
  call: (transfer: DueTransfer) => Effect.Effect<void>,
): Effect.Effect<void> => {
  const callAll = (own: ReadonlyArray<DueTransfer>) =>
    Effect.forEach(own, call, { concurrency, discard: true })
  const first = transfers[0]?.bank
  if (transfers.every(({ bank }) => bank === first)) return callAll(transfers)
  const perBank = [...Map.groupBy(transfers, ({ bank }) => bank).values()].map(callAll)
  return Effect.all(perBank, { concurrency: "unbounded", discard: true })
}
