/** What goes out again needs a clearance that is good by now, as what goes out first does. */
import type { Batch, Item } from "./batch.ts"
import { type ClearanceTerms, isCurrent, screenAgainAt } from "./clearance.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import { cleanText } from "./outside-text.ts"

/** The shortest wait before a bank that never saw the attempt is asked again, while the item is screened again. */
const WAIT_MS_MIN = 1_000

/** In place of a resend, where the item's clearance is not good any more: it stays unknown, and is screened again. */
export const onlyOnCurrentClearance = (
  batch: Batch,
  item: Item,
  terms: ClearanceTerms,
  happened: ReadonlyArray<BatchEvent>,
): ReadonlyArray<BatchEvent> =>
  happened.flatMap((event) =>
    event._tag === "TransferResent" && !isCurrent(item, terms, event.at)
      ? screenedFirst(batch, item, event, terms)
      : [event],
  )

/** The bank is asked again after as long as the attempt has been unknown: the question costs an event each time. */
const screenedFirst = (
  batch: Batch,
  item: Item,
  { at, item: number, attempt }: BatchEventOf<"TransferResent">,
  terms: ClearanceTerms,
): ReadonlyArray<BatchEvent> => {
  const reason = cleanText("the bank never saw it, and it is screened again before it goes out again")
  const waitMs = Math.max(at - (item.attempt?.unknownSince ?? at), WAIT_MS_MIN)
  const unknown: BatchEvent = {
    _tag: "TransferUnknown",
    at,
    item: number,
    attempt,
    reason,
    inquireAt: at + waitMs,
  }
  if (item.asked !== undefined || screenAgainAt(item, terms) > at) return [unknown]
  return [unknown, { _tag: "ScreeningRequested", at, clearance: batch.clearanceCount + 1, items: [number] }]
}
