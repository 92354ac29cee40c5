import { Effect } from "effect"
import type { RecordTransfer } from "../domain/commands.ts"
import type { DueTransfer } from "./batch-items.ts"
import type { Tell } from "./pipelines.ts"

/**
 * Makes a call for each transfer, at most `concurrency` at a time for each bank, and tells what each says as it
 * arrives: a slow answer holds up no other, and a slow bank no other bank.
 */
export const callBanks = (
  transfers: ReadonlyArray<DueTransfer>,
  concurrency: number,
  call: (transfer: DueTransfer) => Effect.Effect<RecordTransfer | undefined>,
  tell: Tell,
): Effect.Effect<void> => {
  const callAndTell = (transfer: DueTransfer) =>
    Effect.map(call(transfer), (command) => (command === undefined ? undefined : tell(command)))
  const perBank = [...Map.groupBy(transfers, ({ bank }) => bank).values()].map((own) =>
    Effect.forEach(own, callAndTell, { concurrency, discard: true }),
  )
  return Effect.all(perBank, { concurrency: "unbounded", discard: true })
}
