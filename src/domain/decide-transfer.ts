/** Paying: the only way to a bank, and what a bank's report means before and after the final outcome of an attempt. */
import { Array as Arr, Result } from "effect"
import { isDisputed } from "./attempts.ts"
import { type Attempt, attemptOf, attemptsOf, type Batch, type Item, isHeldUp, nextAttempt } from "./batch.ts"
import { type ClearanceTerms, isCurrent } from "./clearance.ts"
import type { BatchCommandOf, RecordTransfer } from "./commands.ts"
import { onlyOnCurrentClearance } from "./decide-resend.ts"
import { reportOnWithdrawal, stopSending, tooLateBy } from "./decide-withdrawal.ts"
import type { BatchEvent, BatchEventOf } from "./events.ts"
import { meaningOf } from "./failure-codes.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText, type OutsideText } from "./outside-text.ts"
import { doubtAbout, isAskedAbout, isDoubtful, isUnsent, type Refused } from "./refusal.ts"
import { type Decision, events, refuse } from "./rejection.ts"
import type { Evidence, OpenRefusal } from "./transfer-events.ts"

/** How often one attempt may be sent under its key before a person looks at it. */
export const SENDS_MAX = 5

/**
 * An intent is accepted only for an item that is screened, with a valid clearance and its money reserved, in a batch that has
 * started, once per attempt; in a strict batch only while no item is held. After a refusal that another bank may not share, it has to go to a bank of its rule that has not
 * tried it.
 */
export const decideTransferRequest = (
  batch: Batch,
  command: BatchCommandOf<"RequestTransfers">,
  terms: ClearanceTerms,
): Decision => {
  if (batch.startedAt === undefined) return refuse(command, "not-started")
  if (isHeldUp(batch)) return refuse(command, "not-due")
  for (const { item, attempt, bank } of command.transfers) {
    const payout = batch.items.get(item)
    if (payout?.task !== "request") return refuse(command, "not-due", item)
    if (!isCurrent(payout, terms, command.at)) return refuse(command, "clearance-not-current", item)
    if (attempt !== nextAttempt(payout)) return refuse(command, "no-such-attempt", item)
    if (payout.reroute?.others?.includes(bank) === false) return refuse(command, "bank-not-next", item)
  }
  return events({ ...command, _tag: "TransfersRequested" })
}

/**
 * Records what is known of an attempt after a call, a callback or an inquiry. A callback counts only if it comes from the
 * attempt's own bank, and is not about another amount.
 */
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
  if (command.amount !== undefined && !isAmountOf(item, command.amount))
    return refuse(command, "other-amount", command.item)
  const happened =
    attempt.outcome === undefined
      ? reportOnOpen(item, attempt, command)
      : reportOnFinal(item, attempt, command)
  return Result.succeed(onlyOnCurrentClearance(batch, item, terms, happened))
}

const isAmountOf = (
  { currency, minor }: Item,
  stated: { readonly currency: string; readonly minor: string },
): boolean => stated.currency === currency && stated.minor === minor.toString()

/** A report about an open attempt. A parked attempt takes only final outcomes, because its bank is no longer asked. */
const reportOnOpen = (
  item: Item,
  attempt: Attempt,
  { at, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const about = { at, item: item.item, attempt: attempt.attempt }
  const { phase } = attempt
  const tracked = phase !== "parked"
  switch (outcome._tag) {
    case "Accepted": {
      const { transferId, inquireAt, evidence } = outcome
      // A callback that the bank has it is only a sign, and leaves the schedule of inquiries as it is.
      if (evidence === "callback" && attempt.transferId !== undefined) return []
      return tracked ? [{ _tag: "TransferAccepted", ...about, transferId, inquireAt }] : []
    }
    case "Unknown": {
      const { reason, inquireAt } = outcome
      return tracked ? [{ _tag: "TransferUnknown", ...about, reason, inquireAt }] : []
    }
    case "Unresolved":
      return tracked ? [parkedFor(about, outcome.reason)] : []
    case "NeverSeen": {
      if (phase !== "unknown" && phase !== "pending") return []
      // Its withdrawal is under way: that will show whether it may still be sent.
      if (attempt.withdrawal !== undefined) return []
      if (attempt.transferId !== undefined)
        return [parkedFor(about, "the bank forgot a transfer that it had accepted")]
      const certainAt = (attempt.unknownSince ?? at) + outcome.quarantineMs
      if (at < certainAt) {
        const reason = cleanText("the bank has not seen it, and it may still be on its way")
        return [{ _tag: "TransferUnknown", ...about, reason, inquireAt: certainAt }]
      }
      if (attempt.refusal !== undefined) return neverSeenAfter(item, attempt, at, attempt.refusal)
      if (isDisputed(item))
        return [parkedFor(about, "the bank never saw it, and may have paid another attempt")]
      if (item.clearanceWithdrawn)
        return [parkedFor(about, "the bank never saw it, and its clearance was withdrawn")]
      if (at >= attempt.requestedAt + (outcome.resendWithinMs ?? Number.POSITIVE_INFINITY))
        return [parkedFor(about, "the bank never saw it, and may have forgotten its key by now")]
      if (attempt.sends >= SENDS_MAX) return [parkedFor(about, "the bank does not receive the transfer")]
      return [{ _tag: "TransferResent", ...about }]
    }
    case "Withdrawn":
    case "NotWithdrawn":
      return reportOnWithdrawal(item, attempt, at, outcome)
    case "Settled": {
      // Nearly all reports: fields are named, which costs a quarter of a copy.
      const { evidence } = outcome
      const settled = {
        _tag: "TransferSettled",
        at,
        item: about.item,
        attempt: about.attempt,
        evidence,
      } as const
      return attempt.withdrawal === undefined
        ? [settled]
        : [settled, ...tooLateBy(item, attempt, at, "settled")]
    }
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

const parkedFor = (
  about: Omit<BatchEventOf<"TransferParked">, "_tag" | "reason">,
  reason: string,
): BatchEvent => ({
  _tag: "TransferParked",
  ...about,
  reason: cleanText(reason),
})

/** A refusal of an open attempt: final, to be confirmed, or for a person to decide. */
const refusedBy = (item: Item, attempt: Attempt, at: number, refused: Refused): ReadonlyArray<BatchEvent> => {
  const { evidence, code, whole } = refused
  const about = { at, item: item.item, attempt: attempt.attempt }
  const tracked = attempt.phase !== "parked"
  const meaning = meaningOf(code)
  if (isDoubtful(attempt, refused, meaning)) {
    // Otherwise the schedule of inquiries, or a person, finds out the outcome.
    if (!isAskedAbout(attempt, refused, meaning)) return []
    const reason = cleanText(withDetail(doubtAbout(attempt, refused), refused))
    const refusal = { code, evidence, ...(whole === undefined ? {} : { whole }) }
    // A person has it already: the bank is asked once more only if its answer could settle the matter.
    if (!tracked && (whole === true || attempt.sends > 1))
      return [{ _tag: "TransferParked", ...about, reason, refusal }]
    return [{ _tag: "TransferUnknown", ...about, reason, inquireAt: at, refusal }]
  }
  if (meaning === undefined) {
    const reason = cleanText(withDetail(`the bank failed it with the unmapped code ${code}`, refused))
    return tracked ? [{ _tag: "TransferParked", ...about, reason }] : []
  }
  // An attempt that its partner cancels is not retried, and neither is a refusal that cannot be confirmed.
  const leadsOn = refused.unconfirmed !== true && attempt.withdrawal?.cause !== "cancellation"
  const { category } = meaning
  const mayGoElsewhere = meaning.reroutable || isUnsent(attempt, refused)
  const [retryable, reroutable] = [leadsOn && meaning.retryable, leadsOn && mayGoElsewhere]
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
 * A bank need not keep an order that it refuses in its response, so "never seen" confirms such a refusal. A bank that refused
 * it later, in a callback, did have it: then a person decides.
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

/** A report about a closed attempt. A bank may still return what it settled. Any other new report contradicts it: an alarm. */
const reportOnFinal = (
  item: Item,
  attempt: Attempt,
  { at, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const reported = lateReport(attempt, outcome)
  const recorded = attempt.outcome
  if (reported === undefined || recorded === undefined || attempt.reports.includes(reported.status)) return []
  const about = { at, item: item.item, attempt: attempt.attempt }
  if (reported.status === recorded || (recorded === "returned" && reported.status === "settled")) return []
  if (recorded === "settled" && reported.status === "returned" && reported.code !== undefined) {
    const { evidence, code } = reported
    return [{ _tag: "TransferReturned", ...about, evidence, code, ...detailOf(reported) }]
  }
  if (reported.status === "accepted" && recorded !== "failed") return []
  const paidAfterAll = recorded === "failed" && reported.status === "settled"
  const mendable = paidAfterAll && item.attempt === attempt && isOnlyAcceptedAfterAll(item, attempt)
  const detected: BatchEvent = {
    _tag: "LateOutcomeDetected",
    ...about,
    recorded,
    reported: reported.status,
    evidence: reported.evidence,
    compensation: mendable ? "repost" : "review",
  }
  return [detected, ...stopSending(item, at, "dispute", "an earlier attempt is in dispute")]
}

/** Whether the item failed, or is in dispute only because the bank accepted what it had refused: then its payment ends that. */
const isOnlyAcceptedAfterAll = (item: Item, attempt: Attempt): boolean =>
  item.state === "failed" ||
  (attempt.reports.at(-1) === "accepted" &&
    attemptsOf(item).every((other) => other === attempt || other.dispute === undefined))

interface LateReport extends Detailed {
  readonly status: TransferFinal | "accepted"
  readonly evidence: Evidence
  readonly code?: OutsideText
}

/**
 * The status that a report gives a closed attempt. `undefined` if it contradicts nothing: a refusal of a whole file, or an
 * acceptance in an inquiry that began before the attempt was closed.
 */
const lateReport = (
  { concludedAt = 0 }: Attempt,
  outcome: RecordTransfer["outcome"],
): LateReport | undefined => {
  switch (outcome._tag) {
    case "Accepted": {
      const { evidence, askedAt = concludedAt } = outcome
      const isNews = evidence === "callback" || (evidence === "inquiry" && askedAt > concludedAt)
      return isNews ? { status: "accepted", evidence } : undefined
    }
    case "Settled":
      return { status: "settled", evidence: outcome.evidence }
    case "Failed":
      return outcome.whole === true
        ? undefined
        : { status: "failed", evidence: outcome.evidence, code: outcome.code }
    case "Returned":
      return { status: "returned", evidence: outcome.evidence, code: outcome.code, ...detailOf(outcome) }
    default:
      return undefined
  }
}

/** Transfers that another worker left under way: the bank is asked about each at once. */
export const decideTakeOver = (batch: Batch, { at }: BatchCommandOf<"TakeOver">): Decision =>
  events(
    ...Arr.fromIterable(batch.tasks.transfer).flatMap((item) => {
      const attempt = batch.items.get(item)?.attempt?.attempt
      if (attempt === undefined) throw new Error(`item ${item} is under way without an attempt`)
      const reason = cleanText("the worker that sent it is gone")
      return { _tag: "TransferUnknown" as const, at, item, attempt, reason, inquireAt: at }
    }),
  )
