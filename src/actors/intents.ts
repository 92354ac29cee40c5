/** From items that may be paid to where each goes: intents for the log, and those that no rule leads anywhere. */
import { Array as Arr } from "effect"
import { nextAttempt } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { TransferIntent } from "../domain/events.ts"
import { transferReference } from "../domain/identifiers.ts"
import type { Work } from "../domain/plan.ts"
import type { Destination } from "../domain/routing.ts"
import type { Activation } from "./activation.ts"

/** What is decided at `at` of items whose transfers are to be requested. */
export const commandsOfRequest = (
  { id, batch, desk }: Activation,
  { items }: Extract<Work, { readonly _tag: "RequestTransfers" }>,
  at: number,
  destinationOf: (item: number) => Destination | undefined,
): ReadonlyArray<BatchCommand> => {
  const { version } = desk.pipelines.routes
  const transfers: Array<TransferIntent> = []
  const unrouted: Array<number> = []
  for (const number of items) {
    const item = batch.items.get(number)
    if (item === undefined) throw new Error(`item ${number} is planned and not in the batch`)
    const destination = destinationOf(number)
    const key = { item: number, attempt: nextAttempt(item) }
    if (destination === undefined) unrouted.push(number)
    else transfers.push({ ...key, ...destination, reference: transferReference({ batch: id, ...key }) })
  }
  return [
    ...(Arr.isArrayNonEmpty(transfers) ? [{ _tag: "RequestTransfers", at, transfers } as const] : []),
    ...(Arr.isArrayNonEmpty(unrouted)
      ? [{ _tag: "RecordUnrouted", at, items: unrouted, version } as const]
      : []),
  ]
}
