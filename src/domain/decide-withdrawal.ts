/**
 * Withdraws an attempt that may not have been sent yet. A call that waits for its turn is stopped by the state alone. An order
 * that waits with us for a file is withdrawn in two steps: the request is recorded, then the order's record answers atomically
 * that it will never be sent, or that it may have been. Nothing is cancelled or resolved before that answer is in the log.
 */
import { Array as Arr } from "effect"
import { isDisputed } from "./attempts.ts"
import { type Attempt, attemptsOf, type Item, type Withdrawal } from "./batch.ts"
import type { RecordTransfer } from "./commands.ts"
import { POLICY } from "./credential.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText } from "./outside-text.ts"

/** Stops an attempt that may not have been sent yet: it becomes unknown, and the bank is asked whether it has it. */
export const stopCall = ({ item, attempt }: Item, at: number, why: string): ReadonlyArray<BatchEvent> => {
  if (attempt === undefined || attempt.outcome !== undefined || attempt.phase !== "transferring") return []
  const about = { at, item, attempt: attempt.attempt }
  return [{ _tag: "TransferUnknown", ...about, reason: cleanText(why), inquireAt: at }]
}

/** Whether the order of an open attempt may still wait with us. */
export const isWithdrawable = ({ outcome, withdrawable }: Attempt): boolean =>
  outcome === undefined && withdrawable

/** Requests the withdrawal of items whose order may still wait with us, and stops their calls. */
export const requestWithdrawals = (
  items: ReadonlyArray<Item>,
  at: number,
  asked: Withdrawal,
): ReadonlyArray<BatchEvent> => {
  const withdrawable = items.filter(({ attempt }) => attempt !== undefined && isWithdrawable(attempt))
  const transfers = withdrawable.map(({ item, attempt }) => ({ item, attempt: attempt?.attempt ?? 0 }))
  const stopped = withdrawable.flatMap((item) => stopCall(item, at, "it is to be withdrawn"))
  return Arr.isReadonlyArrayNonEmpty(transfers)
    ? [...stopped, { _tag: "WithdrawalsRequested", at, transfers, ...asked }]
    : stopped
}

/** Stops everything that may still be sent for an item: its call, and its order if one waits with us. */
export const stopSending = (
  item: Item,
  at: number,
  cause: "clearance" | "dispute",
  reason: string,
): ReadonlyArray<BatchEvent> =>
  item.attempt?.withdrawal === undefined && item.attempt !== undefined && isWithdrawable(item.attempt)
    ? requestWithdrawals([item], at, { cause, by: POLICY, reason: cleanText(reason) })
    : stopCall(item, at, reason)

type Answer = Extract<RecordTransfer["outcome"], { readonly _tag: "Withdrawn" | "NotWithdrawn" }>

/** Records the answer to a withdrawal, for its cause. A refusal without a request changes nothing. */
export const reportOnWithdrawal = (
  item: Item,
  attempt: Attempt,
  at: number,
  answer: Answer,
): ReadonlyArray<BatchEvent> => {
  const about = { at, item: item.item, attempt: attempt.attempt }
  if (answer._tag === "Withdrawn") return withdrawn(item, attempt, about)
  if (attempt.withdrawal === undefined) return []
  const { cause } = attempt.withdrawal
  const refused: BatchEvent = {
    _tag: "WithdrawalRefused",
    ...about,
    ...(answer.goingOut ? { goingOut: true as const } : {}),
  }
  if (cause === "cancellation")
    return [
      refused,
      refusedCancellation(
        item,
        at,
        attempt.withdrawal,
        answer.goingOut ? "about to be sent to the bank" : "already sent to the bank",
      ),
    ]
  const isResolved = cause === "resolution" && !answer.goingOut
  return isResolved ? [refused, ...resolvedBy(attempt.withdrawal, about)] : [refused]
}

interface About {
  readonly at: number
  readonly item: number
  readonly attempt: number
}

/** The resolution that the withdrawal was requested for, with its evidence and its author. */
const resolvedBy = (
  { outcome, reason, evidence, proposedBy, ...asked }: Withdrawal,
  about: About,
): ReadonlyArray<BatchEvent> => {
  if (outcome === undefined) return []
  const details = {
    ...(evidence === undefined ? {} : { evidence }),
    ...(proposedBy === undefined ? {} : { proposedBy }),
  }
  return [{ _tag: "ParkedResolved", ...about, outcome, ...whoAsked(asked), reason, ...details }]
}

const withdrawn = (item: Item, attempt: Attempt, about: About): ReadonlyArray<BatchEvent> => {
  const { withdrawal } = attempt
  const cause = withdrawal?.cause
  const alone: BatchEvent = { _tag: "TransferWithdrawn", ...about }
  if (withdrawal?.cause === "cancellation") {
    if (isPaidOrDisputedBeside(item, attempt))
      return [alone, refusedCancellation(item, about.at, withdrawal, "with the operations team")]
    const { reason } = withdrawal
    return [
      { ...alone, cause: "cancellation" },
      { _tag: "ItemsCancelled", at: about.at, items: [about.item], ...whoAsked(withdrawal), reason },
    ]
  }
  // A resolution as settled cannot be true: the order was never sent.
  if (withdrawal?.cause === "resolution" && withdrawal.outcome === "failed")
    return [{ ...alone, cause: "resolution" }, ...resolvedBy(withdrawal, about)]
  return [cause === undefined || cause === "resolution" ? alone : { ...alone, cause }]
}

const isPaidOrDisputedBeside = (item: Item, attempt: Attempt): boolean =>
  isDisputed(item) || attemptsOf(item).some((other) => other !== attempt && other.outcome !== "failed")

const refusedCancellation = (
  { item }: Item,
  at: number,
  asked: Withdrawal,
  reason: string,
): BatchEventOf<"CancellationRefused"> => ({
  _tag: "CancellationRefused",
  at,
  ...whoAsked(asked),
  items: [{ item, reason }],
})

const whoAsked = ({ by, credential, typedBy }: Pick<Withdrawal, "by" | "credential" | "typedBy">) => ({
  by,
  ...(credential && { credential }),
  ...(typedBy && { typedBy }),
})

/** If a cancellation waits for the withdrawal, a final outcome of the attempt refuses it. */
export const tooLateBy = (
  item: Item,
  { withdrawal }: Attempt,
  at: number,
  outcome: TransferFinal,
): ReadonlyArray<BatchEvent> =>
  withdrawal?.cause === "cancellation"
    ? [refusedCancellation(item, at, withdrawal, `already ${outcome}`)]
    : []
