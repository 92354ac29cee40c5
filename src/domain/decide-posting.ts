/** Ledger postings: hold before paying, post when settled, release when failed or cancelled, reverse when returned. */
import { type Batch, waitsForFunds } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"

/** Requests a posting for items whose next task it is and whose time has come. */
export const decidePosting = (batch: Batch, command: BatchCommandOf<"RequestPosting">): Decision => {
  const { at, kind, items } = command
  if (batch.startedAt === undefined && kind === "hold") return refuse(command, "not-started")
  const stranger = items.find((item) => batch.items.get(item)?.task !== kind)
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  const early = items.find((item) => (batch.items.get(item)?.refusal?.retryAt ?? at) > at)
  if (early !== undefined) return refuse(command, "not-due", early)
  return events({ _tag: "PostingRequested", at, posting: batch.postingCount + 1, kind, items })
}

/** Records that the ledger booked a posting. A repeated answer changes nothing. */
export const decidePostingBooked = (
  batch: Batch,
  { at, posting, ledgerPostingId }: BatchCommandOf<"RecordPosting">,
): Decision =>
  batch.postings.has(posting) ? events({ _tag: "PostingBooked", at, posting, ledgerPostingId }) : nothing

/** A refusal is final like a booking: nothing was booked, and the items' next posting has another key. */
export const decidePostingRefused = (
  batch: Batch,
  { at, posting, code, retryAt }: BatchCommandOf<"RecordPostingRefusal">,
): Decision =>
  batch.postings.has(posting) ? events({ _tag: "PostingRefused", at, posting, code, retryAt }) : nothing

/** Funds matter only to items that wait for them and would not be retried anyway by now. */
export const decideFunds = (batch: Batch, { at, currency }: BatchCommandOf<"FundAccount">): Decision => {
  const waiting = [...batch.refused].some((number) => {
    const item = batch.items.get(number)
    return item !== undefined && waitsForFunds(item, currency) && (item.refusal?.retryAt ?? at) > at
  })
  return waiting ? events({ _tag: "FundsArrived", at, currency }) : nothing
}
