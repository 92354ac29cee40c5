/** Paying: the one door to a bank, and what a bank's word means before and after it has given its last. */
import { Array as Arr } from "effect"
import { isDisputed } from "./attempts.ts"
import { type Attempt, attemptOf, attemptsOf, type Batch, type Item, nextAttempt } from "./batch.ts"
import { type ClearanceTerms, isCurrent } from "./clearance.ts"
import type { BatchCommandOf, RecordTransfer } from "./commands.ts"
import { onlyOnCurrentClearance } from "./decide-resend.ts"
import { heardOfWithdrawal, takenBack, tooLateBy } from "./decide-withdrawal.ts"
import type { BatchEvent, Evidence, OpenRefusal } from "./events.ts"
import { meaningOf } from "./failure-codes.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText, type OutsideText } from "./outside-text.ts"
import { doubtAbout, isAskedAbout, isDoubtful, type Refused } from "./refusal.ts"
import { type Decision, events, refuse } from "./rejection.ts"

/** How often one attempt may go out under its key before a person looks at it. */
export const SENDS_MAX = 5

/**
 * An item passes cleared, by a clearance that is good at that moment, with its money held, in a batch that has started,
 * and once per attempt; after a refusal that another bank may mend, to a bank of its rule that has not tried it.
 */
export const decideTransferRequest = (
  batch: Batch,
  command: BatchCommandOf<"RequestTransfers">,
  terms: ClearanceTerms,
): Decision => {
  if (batch.startedAt === undefined) return refuse(command, "not-started")
  for (const { item, attempt, bank } of command.transfers) {
    const payout = batch.items.get(item)
    if (payout?.task !== "request") return refuse(command, "not-due", item)
    if (!isCurrent(payout, terms, command.at)) return refuse(command, "clearance-not-current", item)
    if (attempt !== nextAttempt(payout)) return refuse(command, "no-such-attempt", item)
    if (payout.reroute?.others?.includes(bank) === false) return refuse(command, "bank-not-next", item)
  }
  return events({ ...command, _tag: "TransfersRequested" })
}

export const decideTransferOutcome = (
  batch: Batch,
  command: RecordTransfer,
  terms: ClearanceTerms,
): Decision => {
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no-such-item", command.item)
  const attempt = attemptOf(item, command.attempt)
  if (attempt === undefined) return refuse(command, "no-such-attempt", command.item)
  if (command.bank !== undefined && command.bank !== attempt.bank)
    return refuse(command, "other-bank", command.item)
  return events(
    ...onlyOnCurrentClearance(
      batch,
      item,
      terms,
      attempt.outcome === undefined
        ? heardOfOpen(item, attempt, command)
        : heardOfFinal(item, attempt, command),
    ),
  )
}

/** An attempt without a final word learns. A parked one hears only final words: nobody asks for it any more. */
const heardOfOpen = (
  item: Item,
  attempt: Attempt,
  { at, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const about = { at, item: item.item, attempt: attempt.attempt }
  const park = (reason: string): BatchEvent => ({
    _tag: "TransferParked",
    ...about,
    reason: cleanText(reason),
  })
  const { phase } = attempt
  const tracked = phase !== "parked"
  switch (outcome._tag) {
    case "Accepted": {
      const { transferId, inquireAt, evidence } = outcome
      // What a bank shows of itself is a sign, and leaves the schedule of inquiries as it is.
      if (evidence === "callback" && attempt.transferId !== undefined) return []
      return tracked ? [{ _tag: "TransferAccepted", ...about, transferId, inquireAt }] : []
    }
    case "Unknown": {
      const { reason, inquireAt } = outcome
      return tracked ? [{ _tag: "TransferUnknown", ...about, reason, inquireAt }] : []
    }
    case "Unresolved":
      return tracked ? [park(outcome.reason)] : []
    case "NeverSeen": {
      if (phase !== "unknown" && phase !== "pending") return []
      // Whether it may still go out is being asked.
      if (attempt.withdrawal !== undefined) return []
      if (attempt.transferId !== undefined) return [park("the bank forgot a transfer that it had accepted")]
      const certainAt = (attempt.unknownSince ?? at) + outcome.quarantineMs
      if (at < certainAt) {
        const reason = cleanText("the bank has not seen it, and it may still be on its way")
        return [{ _tag: "TransferUnknown", ...about, reason, inquireAt: certainAt }]
      }
      if (attempt.refusal !== undefined) return neverSeenAfter(item, attempt, at, attempt.refusal)
      if (isDisputed(item)) return [park("the bank never saw it, and may have paid another attempt")]
      if (item.clearanceWithdrawn) return [park("the bank never saw it, and its clearance was withdrawn")]
      if (at >= attempt.requestedAt + (outcome.resendWithinMs ?? Number.POSITIVE_INFINITY))
        return [park("the bank never saw it, and may have forgotten its key by now")]
      if (attempt.sends >= SENDS_MAX) return [park("the bank does not receive the transfer")]
      return [{ _tag: "TransferResent", ...about }]
    }
    case "Withdrawn":
    case "NotWithdrawn":
      return heardOfWithdrawal(item, attempt, at, outcome)
    case "Settled":
      return [
        { _tag: "TransferSettled", ...about, evidence: outcome.evidence },
        ...tooLateBy(item, attempt, at, "settled"),
      ]
    case "Failed":
      return refusedBy(item, attempt, at, outcome)
    case "Returned": {
      const { evidence, code } = outcome
      return [
        { _tag: "TransferSettled", ...about, evidence },
        { _tag: "TransferReturned", ...about, evidence, code, ...detailOf(outcome) },
        ...tooLateBy(item, attempt, at, "returned"),
      ]
    }
  }
}

/** A refusal of an open attempt: final, to be confirmed, or a person's to judge. */
const refusedBy = (item: Item, attempt: Attempt, at: number, refused: Refused): ReadonlyArray<BatchEvent> => {
  const { evidence, code, whole } = refused
  const about = { at, item: item.item, attempt: attempt.attempt }
  const tracked = attempt.phase !== "parked"
  const meaning = meaningOf(code)
  if (isDoubtful(attempt, refused, meaning)) {
    // Else the schedule of inquiries, or a person, finds out what became of it.
    if (!isAskedAbout(attempt, refused, meaning)) return []
    const reason = cleanText(withDetail(doubtAbout(attempt, refused), refused))
    const refusal = { code, evidence, ...(whole === undefined ? {} : { whole }) }
    // A person has it already: the bank is asked once more only where its answer could end that.
    if (!tracked && (whole === true || attempt.sends > 1))
      return [{ _tag: "TransferParked", ...about, reason, refusal }]
    return [{ _tag: "TransferUnknown", ...about, reason, inquireAt: at, refusal }]
  }
  if (meaning === undefined) {
    const reason = cleanText(withDetail(`the bank failed it with the unmapped code ${code}`, refused))
    return tracked ? [{ _tag: "TransferParked", ...about, reason }] : []
  }
  // What its partner wants back is not tried again, nor what cannot be confirmed.
  const leadsOn = refused.unconfirmed !== true && attempt.withdrawal?.cause !== "cancellation"
  const { category } = meaning
  const [retryable, reroutable] = [leadsOn && meaning.retryable, leadsOn && meaning.reroutable]
  return [
    {
      _tag: "TransferFailed",
      ...about,
      evidence,
      code,
      ...detailOf(refused),
      category,
      retryable,
      reroutable,
    },
    ...tooLateBy(item, attempt, at, "failed"),
  ]
}

interface Detailed {
  readonly detail?: OutsideText
}

const detailOf = ({ detail }: Detailed): Detailed => (detail === undefined ? {} : { detail })

/** A sentence for a person, with all that the bank gave as its reasons. */
const withDetail = (sentence: string, { detail }: Detailed): string =>
  detail === undefined ? sentence : `${sentence}: ${detail}`

/**
 * A bank that refuses an order need not keep it: that it does not know it confirms what it answered. One that told of it
 * later knew it.
 */
const neverSeenAfter = (
  item: Item,
  attempt: Attempt,
  at: number,
  { code, evidence }: OpenRefusal,
): ReadonlyArray<BatchEvent> => {
  if (evidence === "response")
    return refusedBy(item, attempt, at, { _tag: "Failed", evidence: "inquiry", code })
  const reason = cleanText(`the bank refused it with the code ${code}, and now has never seen it`)
  return [{ _tag: "TransferParked", at, item: item.item, attempt: attempt.attempt, reason }]
}

/** After its final word a bank may still return what it settled. Whatever else it says contradicts itself: an alarm. */
const heardOfFinal = (
  item: Item,
  attempt: Attempt,
  { at, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const reported = lateWord(attempt, outcome)
  const recorded = attempt.outcome
  if (reported === undefined || recorded === undefined || attempt.said.includes(reported.word)) return []
  const about = { at, item: item.item, attempt: attempt.attempt }
  if (reported.word === recorded || (recorded === "returned" && reported.word === "settled")) return []
  if (recorded === "settled" && reported.word === "returned" && reported.code !== undefined) {
    const { evidence, code } = reported
    return [{ _tag: "TransferReturned", ...about, evidence, code, ...detailOf(reported) }]
  }
  if (reported.word === "accepted" && recorded !== "failed") return []
  const paidAfterAll = recorded === "failed" && reported.word === "settled"
  const mendable = paidAfterAll && item.attempt === attempt && isOnlyAcceptedAfterAll(item, attempt)
  const detected: BatchEvent = {
    _tag: "LateOutcomeDetected",
    ...about,
    recorded,
    reported: reported.word,
    evidence: reported.evidence,
    compensation: mendable ? "repost" : "review",
  }
  return [detected, ...takenBack(item, at, "dispute", "an earlier attempt is in dispute")]
}

/** The item has failed, or is in dispute for no more than that the bank has what it refused: then its payment mends that. */
const isOnlyAcceptedAfterAll = (item: Item, attempt: Attempt): boolean =>
  item.state === "failed" ||
  (attempt.said.at(-1) === "accepted" &&
    attemptsOf(item).every((other) => other === attempt || other.dispute === undefined))

interface LateWord extends Detailed {
  readonly word: TransferFinal | "accepted"
  readonly evidence: Evidence
  readonly code?: OutsideText
}

/** What is said of a whole contradicts nothing, and what a call of ours learnt was true when it was asked. */
const lateWord = ({ concludedAt = 0 }: Attempt, outcome: RecordTransfer["outcome"]): LateWord | undefined => {
  switch (outcome._tag) {
    case "Accepted": {
      const { evidence, askedAt = concludedAt } = outcome
      const isNews = evidence === "callback" || (evidence === "inquiry" && askedAt > concludedAt)
      return isNews ? { word: "accepted", evidence } : undefined
    }
    case "Settled":
      return { word: "settled", evidence: outcome.evidence }
    case "Failed":
      return outcome.whole === true
        ? undefined
        : { word: "failed", evidence: outcome.evidence, code: outcome.code }
    case "Returned":
      return { word: "returned", evidence: outcome.evidence, code: outcome.code, ...detailOf(outcome) }
    default:
      return undefined
  }
}

/** Transfers that another worker left in the air: the bank is asked about each at once. */
export const decideTakeOver = (batch: Batch, { at }: BatchCommandOf<"TakeOver">): Decision =>
  events(
    ...Arr.fromIterable(batch.tasks.transfer).flatMap((item) => {
      const attempt = batch.items.get(item)?.attempt?.attempt
      if (attempt === undefined) throw new Error(`item ${item} is in the air without an attempt`)
      const reason = cleanText("the worker that sent it is gone")
      return { _tag: "TransferUnknown" as const, at, item, attempt, reason, inquireAt: at }
    }),
  )
