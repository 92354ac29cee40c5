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
  const perBank = [...Map.groupBy(transfers, ({ bank }) => bank).values()].map((own) =>
    Effect.forEach(own, call, { concurrency, discard: true }),
  )
  return Effect.all(perBank, { concurrency: "unbounded", discard: true })
}
