/** Turns planned transfers into intents for the log, as many as the banks' channels grant. */
import { Array as Arr } from "effect"
import { itemOf, nextAttempt } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import { transferReferencesOf } from "../domain/identifiers.ts"
import type { PlannedTransfer } from "../domain/plan-transfers.ts"
import type { Pipelines } from "../pipelines/pipelines.ts"
import type { Activation } from "./activation.ts"

/**
 * Offers planned transfers to the channels, and returns those that they grant. The plan used a snapshot, and other batches
 * may have used the same one, so a channel may grant less. Its bank is then added to `full`.
 */
export const invited = (
  { services }: { readonly services: { readonly pipelines: Pick<Pipelines["Service"], "invite"> } },
  transfers: ReadonlyArray<PlannedTransfer>,
  now: number,
  full: Set<string>,
): ReadonlyArray<PlannedTransfer> => {
  const wanted = new Map<string, number>()
  for (const { destination } of transfers)
    wanted.set(destination.bank, (wanted.get(destination.bank) ?? 0) + 1)
  const granted = new Map<string, number>()
  for (const [bank, count] of wanted) {
    granted.set(bank, services.pipelines.invite(bank, count, now))
    if ((granted.get(bank) ?? 0) < count) full.add(bank)
  }
  if (full.size === 0) return transfers
  return transfers.filter(({ destination: { bank } }) => {
    const left = granted.get(bank) ?? 0
    granted.set(bank, left - 1)
    return left > 0
  })
}

/** The command that writes intents for transfers; none if there are no transfers. */
export const intentsOf = (
  { id, batch }: Pick<Activation, "id" | "batch">,
  planned: ReadonlyArray<PlannedTransfer>,
  at: number,
): ReadonlyArray<BatchCommand> => {
  const referenceOf = transferReferencesOf(id)
  const transfers = planned.map(({ item, destination }) => {
    const attempt = nextAttempt(itemOf(batch, item))
    const { bank, route, withdrawable } = destination
    const reference = referenceOf(item, attempt)
    return withdrawable === undefined
      ? { item, attempt, bank, route, reference }
      : { item, attempt, bank, route, withdrawable, reference }
  })
  return Arr.isArrayNonEmpty(transfers) ? [{ _tag: "RequestTransfers", at, transfers }] : []
}
