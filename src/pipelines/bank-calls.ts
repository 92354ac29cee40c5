import { type Effect, Predicate, Stream } from "effect"
import type { RecordTransfer } from "../domain/commands.ts"
import type { DueTransfer } from "./batch-items.ts"

/**
 * Makes a call for each transfer, at most `concurrency` at a time for each bank, and gives what they say as it
 * arrives: a slow answer holds up no other, and a slow bank no other bank.
 */
export const callBanks = (
  transfers: ReadonlyArray<DueTransfer>,
  concurrency: number,
  call: (transfer: DueTransfer) => Effect.Effect<RecordTransfer | undefined>,
): Stream.Stream<RecordTransfer> => {
  const perBank = [...Map.groupBy(transfers, ({ bank }) => bank).values()].map((own) =>
    Stream.fromIterable(own).pipe(Stream.mapEffect(call, { concurrency, unordered: true })),
  )
  return Stream.mergeAll(perBank, { concurrency: Math.max(perBank.length, 1) }).pipe(
    Stream.filter(Predicate.isNotUndefined),
  )
}
