/**
 * Whether a bank's refusal is its last word. A copy of an order may be refused while the first one is paid, and what is
 * said of a whole file names none of its transfers. So a refusal is asked about before it is final where it
 *
 *   - was said of a whole, or came after the order had gone out more than once;
 *   - leads on: policy would pay again, at this bank or another, and one inquiry is cheap beside a second payment;
 *   - is told of an order that may still lie with us: whether it has gone out is known there, with all that was said of it;
 *   - speaks of neither the account, who gets the money, nor the law, after a sign that the bank may have the order: the
 *     second copy of one may be too late, too much for the funds or the limit of the day, suspected, or not be readable.
 *
 * An answer to an inquiry is about the reference, whatever came under it, and final.
 */
import type { Attempt } from "./batch.ts"
import type { TransferOutcome } from "./commands.ts"
import type { OpenRefusal } from "./events.ts"
import { type FailureMeaning, holdsForAllCopies } from "./failure-codes.ts"

export type Refused = Extract<TransferOutcome, { readonly _tag: "Failed" }>

/** Whether a refusal has to be confirmed; `meaning` is absent for a code that nobody has mapped. */
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
  // Our own record knows whether the order has gone out at all, and what the bank's files said of it.
  if (attempt.withdrawable && evidence === "callback") return true
  if (meaning === undefined) return false
  if (meaning.retryable || meaning.reroutable) return true
  return mayHaveIt(attempt) && !holdsForAllCopies(meaning)
}

/**
 * Whether an attempt was refused by ourselves, as its bank cannot be sent such a payment, at the only time that it was to go
 * out: then nothing of it is anywhere, and another bank may be sent it. It is never so of what may have gone out before.
 */
export const isUnsent = (attempt: Attempt, { evidence, unsent }: Refused): boolean =>
  unsent === true && evidence === "response" && attempt.sends === 1 && !mayHaveIt(attempt)

/** Any sign that the bank may have the order: it said so, or our call to it had no answer. */
const mayHaveIt = ({ transferId, unknownSince }: Attempt): boolean =>
  transferId !== undefined || unknownSince !== undefined

/** How often refusals of one attempt are asked about; a bank that has a code for each day does not fill the log. */
export const DOUBTS_MAX = 5

/**
 * Whether a refusal in doubt is asked about: once, until the bank says that it has the transfer, as the one who answers may
 * lag behind the one who calls; and so many times in all. Beyond that only one that holds for every copy, as its answer ends
 * the matter, and each of these once.
 */
export const isAskedAbout = (
  { refusalsHeard, refusalsAsked }: Attempt,
  refused: Refused,
  meaning: FailureMeaning | undefined,
): boolean => {
  const isSame = ({ code, whole }: OpenRefusal) => code === refused.code && whole === refused.whole
  if (refusalsHeard.some(isSame)) return false
  if (refusalsAsked.length < DOUBTS_MAX) return true
  return refused.whole !== true && holdsForAllCopies(meaning) && !refusalsAsked.some(isSame)
}

/** What was refused, in words, for whoever looks at the item. */
export const doubtAbout = ({ sends }: Attempt, { code, whole }: Refused): string => {
  if (whole === true) return `the bank refused with the code ${code} the whole file that it is in`
  return `the bank refused it with the code ${code}${sends > 1 ? " after it went out again" : ""}`
}
