/** The ledger: hold when cleared, post when settled, release when failed or cancelled, reverse when returned. */
import type { Batch } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"

export const decidePosting = (batch: Batch, command: BatchCommandOf<"RequestPosting">): Decision => {
  const { at, kind, items } = command
  if (batch.startedAt === undefined && kind === "hold") return refuse(command, "not-started")
  const stranger = items.find((item) => batch.items.get(item)?.task !== kind)
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ _tag: "PostingRequested", at, posting: batch.postingCount + 1, kind, items })
}

export const decidePostingBooked = (
  batch: Batch,
  { at, posting, ledgerPostingId }: BatchCommandOf<"RecordPosting">,
): Decision =>
  batch.postings.has(posting) ? events({ _tag: "PostingBooked", at, posting, ledgerPostingId }) : nothing
