/** A resend needs a clearance that is valid now, like a first send. */
import type { Batch, Item } from "./batch.ts"
import { type ClearanceTerms, isCurrent, screenAgainAt } from "./clearance.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import { cleanText } from "./outside-text.ts"

/** The shortest wait before asking the bank again about an attempt it never saw, while the item is screened again. */
const WAIT_MS_MIN = 1_000

/** Replaces a resend if the item's clearance is no longer valid: the item stays unknown and is screened again. */
export const onlyOnCurrentClearance = (
  batch: Batch,
  item: Item,
  terms: ClearanceTerms,
  happened: ReadonlyArray<BatchEvent>,
): ReadonlyArray<BatchEvent> =>
  happened.some(isResend)
    ? happened.flatMap((event) =>
        event._tag === "TransferResent" && !isCurrent(item, terms, event.at)
          ? screenedFirst(batch, item, event, terms)
          : [event],
      )
    : happened

const isResend = ({ _tag }: BatchEvent): boolean => _tag === "TransferResent"

/** The wait before the next inquiry doubles the time that the attempt has been unknown, because each inquiry adds an event. */
const screenedFirst = (
  batch: Batch,
  item: Item,
  { at, item: number, attempt }: BatchEventOf<"TransferResent">,
  terms: ClearanceTerms,
): ReadonlyArray<BatchEvent> => {
  const reason = cleanText("the bank never saw it, and it is screened again before it is sent again")
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
