/**
 * Taking back an attempt that may not have gone out yet. A call that waits for its turn is held back by the state alone;
 * an order that lies with us (a bank of files) is asked for in two steps: the request is recorded, then its record is
 * asked, which says atomically "it will never go out" or "it may have gone". Nothing is cancelled, and no resolution
 * believed, before that answer is in the log.
 */
import { Array as Arr } from "effect"
import { isDisputed } from "./attempts.ts"
import { type Attempt, attemptsOf, type Item, type Withdrawal } from "./batch.ts"
import type { RecordTransfer } from "./commands.ts"
import { POLICY } from "./credential.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText } from "./outside-text.ts"

/** An attempt that may not have gone out yet does not go out any more: the bank is asked whether it has it. */
export const heldBack = ({ item, attempt }: Item, at: number, why: string): ReadonlyArray<BatchEvent> => {
  if (attempt === undefined || attempt.outcome !== undefined || attempt.phase !== "transferring") return []
  const about = { at, item, attempt: attempt.attempt }
  return [{ _tag: "TransferUnknown", ...about, reason: cleanText(why), inquireAt: at }]
}

/** Whether an open attempt's order may still lie with us. */
export const mayLieWithUs = ({ outcome, withdrawable }: Attempt): boolean =>
  outcome === undefined && withdrawable

/** Asks back the orders of those items whose open attempt may still lie with us. What is about to be sent is held back. */
export const askedBack = (
  items: ReadonlyArray<Item>,
  at: number,
  asked: Withdrawal,
): ReadonlyArray<BatchEvent> => {
  const lying = items.filter(({ attempt }) => attempt !== undefined && mayLieWithUs(attempt))
  const transfers = lying.map(({ item, attempt }) => ({ item, attempt: attempt?.attempt ?? 0 }))
  const held = lying.flatMap((item) => heldBack(item, at, "it is to be withdrawn"))
  return Arr.isReadonlyArrayNonEmpty(transfers)
    ? [...held, { _tag: "WithdrawalsRequested", at, transfers, ...asked }]
    : held
}

/** Nothing more is sent for an item: what waits is held back, and its order is asked back. */
export const takenBack = (
  item: Item,
  at: number,
  cause: "clearance" | "dispute",
  reason: string,
): ReadonlyArray<BatchEvent> =>
  item.attempt?.withdrawal === undefined && item.attempt !== undefined && mayLieWithUs(item.attempt)
    ? askedBack([item], at, { cause, by: POLICY, reason: cleanText(reason) })
    : heldBack(item, at, reason)

type Answer = Extract<RecordTransfer["outcome"], { readonly _tag: "Withdrawn" | "NotWithdrawn" }>

/** What the answer to a withdrawal means for whoever asked for it. An order that nobody asked back stays where it is. */
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
        answer.goingOut ? "about to go out to the bank" : "already sent to the bank",
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

/** What was details of the attempt, with the evidence, and by whom. */
const resolvedBy = (
  { outcome, by, credential, reason, evidence, proposedBy }: Withdrawal,
  about: About,
): ReadonlyArray<BatchEvent> => {
  if (outcome === undefined) return []
  const details = {
    ...(credential === undefined ? {} : { credential }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(proposedBy === undefined ? {} : { proposedBy }),
  }
  return [{ _tag: "ParkedResolved", ...about, outcome, by, reason, ...details }]
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
  // That it was paid cannot be: it never went out.
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

const whoAsked = ({ by, credential }: Withdrawal) => ({ by, ...(credential && { credential }) })

/** A cancellation that waits for its answer has it, once the bank has had the last word. */
export const tooLateBy = (
  item: Item,
  { withdrawal }: Attempt,
  at: number,
  outcome: TransferFinal,
): ReadonlyArray<BatchEvent> =>
  withdrawal?.cause === "cancellation"
    ? [refusedCancellation(item, at, withdrawal, `already ${outcome}`)]
    : []
