/** What a partner may have accepted in a day without approval, as a new batch needs it and as a dry run looks at it. */
import { Effect } from "effect"
import { hasThresholds, isAboveThreshold, totalsOf } from "../../domain/approval-threshold.ts"
import type { BatchPolicy, ReceiveBatch } from "../../domain/commands.ts"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { ApprovalAllowance } from "../../streams/approval-allowance.ts"
import { contentOf } from "./batch-identity.ts"
import type { BatchRequest } from "./payout-batch-request.ts"

/**
 * Whether a batch within the thresholds exceeds what is left of the partner's day. It is counted before it is in the
 * log, so a crash in between has counted too much, never too little. A repeated request is answered from the log before.
 */
export const isDayUsedUp = Effect.fnUntraced(function* (
  id: BatchId,
  {
    partner,
    requestDigest,
    rejectedRows,
    items,
  }: Pick<ReceiveBatch, "partner" | "requestDigest" | "items"> & {
    readonly rejectedRows: BatchRequest["rejectedRows"] | undefined
  },
  { approvalAbove }: BatchPolicy,
) {
  const totals = totalsOf(items)
  if (!hasThresholds(approvalAbove) || isAboveThreshold(totals, approvalAbove)) return false
  const amounts = amountsOf(totals, approvalAbove)
  return !(yield* (yield* ApprovalAllowance).take(
    partner,
    `${id}:${contentOf(requestDigest, rejectedRows)}`,
    amounts,
  ))
})

/** Whether a request would need approval by the thresholds now: those of a batch, or of its partner's day. Takes nothing. */
export const wouldNeedApproval = Effect.fnUntraced(function* (
  {
    id,
    partner,
    digest,
  }: { readonly id: BatchId; readonly partner: PartnerId; readonly digest: string | undefined },
  { approvalAbove }: BatchPolicy,
  { items }: BatchRequest,
) {
  const totals = totalsOf(items)
  if (isAboveThreshold(totals, approvalAbove)) return true
  if (!hasThresholds(approvalAbove)) return false
  const amounts = amountsOf(totals, approvalAbove)
  return !(yield* (yield* ApprovalAllowance).wouldTake(partner, `${id}:${digest ?? ""}`, amounts))
})

const amountsOf = (totals: ReadonlyMap<string, bigint>, perDay: BatchPolicy["approvalAbove"]) =>
  [...totals].map(([currency, minor]) => ({ currency, minor, perDay: perDay[currency] ?? 0n }))
