/**
 * Whether a bank's refusal is final. A bank may refuse a copy of an order and pay the first one, and a refusal of a whole file
 * names none of its transfers. So the bank is asked to confirm a refusal first if
 *
 *   - it is about a whole file or group, or came after the order was sent more than once;
 *   - it leads to another payment, at this bank or another: an inquiry is cheap compared with paying twice;
 *   - it is about an order that may still wait with us: our record knows whether it was sent, and what was reported about it;
 *   - it is a response without a reason, or with words where a code was agreed, which may not mean what it says;
 *   - there was a sign that the bank may have the order, and the reason is not the account, the beneficiary or the law: a second
 *     copy may be too late, exceed the funds or the day's limit, look suspicious, or be unreadable.
 *
 * An answer to an inquiry is about the reference, so it covers all copies and is final.
 */
import type { Attempt } from "./batch.ts"
import type { TransferOutcome } from "./commands.ts"
import { type FailureMeaning, holdsForAllCopies, UNSPECIFIED } from "./failure-codes.ts"
import type { OpenRefusal } from "./transfer-events.ts"

export type Refused = Extract<TransferOutcome, { readonly _tag: "Failed" }>

/** Whether a refusal has to be confirmed. `meaning` is `undefined` for a code that is not mapped. */
export const isDoubtful = (
  attempt: Attempt,
  refused: Refused,
  meaning: FailureMeaning | undefined,
): boolean => {
  const { evidence, whole } = refused
  if (whole === true) return true
  if (isUnsent(attempt, refused)) return false
  if (evidence === "inquiry") return false
  if (attempt.sends > 1) return true
  // Our own record knows whether the order was sent at all, and what the bank's files reported about it.
  if (attempt.withdrawable && evidence === "callback") return true
  // Such a response may be a broken one, so nobody has to judge it before the bank was asked. Who has the item already decides.
  if (meaning === undefined)
    return refused.code === UNSPECIFIED && evidence === "response" && attempt.phase !== "parked"
  if (meaning.retryable || meaning.reroutable) return true
  return mayHaveIt(attempt) && !holdsForAllCopies(meaning)
}

/**
 * Whether an attempt was refused by ourselves, as its bank cannot be sent such a payment, at the only time that it was to go
 * out: then nothing of it is anywhere, and another bank may be sent it. It is never so of what may have gone out before.
 */
export const isUnsent = (attempt: Attempt, { evidence, unsent }: Refused): boolean =>
  unsent === true && evidence === "response" && attempt.sends === 1 && !mayHaveIt(attempt)

/** Whether there was a sign that the bank may have the order: it accepted it, or our call had no answer. */
const mayHaveIt = ({ transferId, unknownSince }: Attempt): boolean =>
  transferId !== undefined || unknownSince !== undefined

/** How often the bank is asked about refusals of one attempt, so that ever new codes do not fill the log. */
export const DOUBTS_MAX = 5

/**
 * Whether the bank is asked about a refusal in doubt: once for each, until the bank accepts the transfer (the system that
 * answers inquiries may lag behind the one that sends callbacks), and at most {@link DOUBTS_MAX} times in all. Beyond that,
 * only about a refusal that applies to every copy, because the answer settles the matter, and once for each.
 */
export const isAskedAbout = (
  { refusalsInDoubt, refusalsAsked }: Attempt,
  refused: Refused,
  meaning: FailureMeaning | undefined,
): boolean => {
  const isSame = ({ code, whole }: OpenRefusal) => code === refused.code && whole === refused.whole
  if (refusalsInDoubt.some(isSame)) return false
  if (refusalsAsked.length < DOUBTS_MAX) return true
  return refused.whole !== true && holdsForAllCopies(meaning) && !refusalsAsked.some(isSame)
}

/** The refusal as a sentence, for people who look at the item. */
export const doubtAbout = ({ sends }: Attempt, { code, whole }: Refused): string => {
  if (whole === true) return `the bank refused with the code ${code} the whole file that it is in`
  return `the bank refused it with the code ${code}${sends > 1 ? " after it was sent again" : ""}`
}
