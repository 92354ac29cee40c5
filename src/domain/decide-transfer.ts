/** Paying: the one door to a bank, and what a bank's word means before and after it has given its last. */
import { Array as Arr } from "effect"
import { isDisputed } from "./attempts.ts"
import { type Attempt, attemptOf, type Batch, type Item, nextAttempt, type TransferFinal } from "./batch.ts"
import { type ClearanceTerms, isCurrent } from "./clearance.ts"
import type { BatchCommandOf, RecordTransfer } from "./commands.ts"
import { onlyOnCurrentClearance } from "./decide-resend.ts"
import type { BatchEvent, Evidence } from "./events.ts"
import { meaningOf } from "./failure-codes.ts"
import { type Decision, events, refuse } from "./rejection.ts"

/** How often one attempt may go out under its key before a person looks at it. */
export const SENDS_MAX = 5

/**
 * An item passes cleared, by a clearance that is good at that moment, with its money held, in a batch that has started, and once per attempt; after a refusal that
 * another bank may mend, to a bank of its rule that has not tried it.
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
  transfer: Attempt,
  { at, attempt, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const about = { at, item: item.item, attempt }
  const park = (reason: string): BatchEvent => ({ _tag: "TransferParked", ...about, reason })
  const { phase } = transfer
  const tracked = phase !== "parked"
  switch (outcome._tag) {
    case "Accepted": {
      const { transferId, inquireAt } = outcome
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
      if (transfer.transferId !== undefined) return [park("the bank forgot a transfer that it had accepted")]
      const certainAt = (transfer.unknownSince ?? at) + outcome.quarantineMs
      if (at < certainAt) {
        const reason = "the bank has not seen it, and it may still be on its way"
        return [{ _tag: "TransferUnknown", ...about, reason, inquireAt: certainAt }]
      }
      if (isDisputed(item)) return [park("the bank never saw it, and may have paid another attempt")]
      if (item.clearanceWithdrawn) return [park("the bank never saw it, and its clearance was withdrawn")]
      if (at >= transfer.requestedAt + (outcome.resendWithinMs ?? Number.POSITIVE_INFINITY))
        return [park("the bank never saw it, and may have forgotten its key by now")]
      if (transfer.sends >= SENDS_MAX) return [park("the bank does not receive the transfer")]
      return [{ _tag: "TransferResent", ...about }]
    }
    case "Settled":
      return [{ _tag: "TransferSettled", ...about, evidence: outcome.evidence }]
    case "Failed": {
      const { evidence, code } = outcome
      // It may be meant for the copy, while the first one is paid: only an answer about the reference tells.
      if (transfer.sends > 1 && evidence !== "inquiry") {
        const reason = `the bank refused it with the code ${code} after it went out again`
        return [tracked ? { _tag: "TransferUnknown", ...about, reason, inquireAt: at } : park(reason)]
      }
      const meaning = meaningOf(code)
      if (meaning === undefined)
        return tracked ? [park(`the bank failed it with the unmapped code ${code}`)] : []
      const { category, retryable, reroutable } = meaning
      return [{ _tag: "TransferFailed", ...about, evidence, code, category, retryable, reroutable }]
    }
    case "Returned": {
      const { evidence, code } = outcome
      return [
        { _tag: "TransferSettled", ...about, evidence },
        { _tag: "TransferReturned", ...about, evidence, code },
      ]
    }
  }
}

/** After its final word a bank may still return what it settled. Whatever else it says contradicts itself: an alarm. */
const heardOfFinal = (
  item: Item,
  transfer: Attempt,
  { at, attempt, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const reported = finalWord(outcome)
  const recorded = transfer.outcome
  if (reported === undefined || recorded === undefined || transfer.said.includes(reported.word)) return []
  const about = { at, item: item.item, attempt }
  if (reported.word === recorded || (recorded === "returned" && reported.word === "settled")) return []
  if (recorded === "settled" && reported.word === "returned" && reported.code !== undefined) {
    return [{ _tag: "TransferReturned", ...about, evidence: reported.evidence, code: reported.code }]
  }
  const paidAfterAll = recorded === "failed" && reported.word === "settled"
  const mendable = paidAfterAll && item.transfer === transfer && item.state === "failed"
  const detected: BatchEvent = {
    _tag: "LateOutcomeDetected",
    ...about,
    recorded,
    reported: reported.word,
    evidence: reported.evidence,
    compensation: mendable ? "repost" : "review",
  }
  return [detected, ...heldBack(item, at, "an earlier attempt is in dispute")]
}

/** An attempt that may not have gone out yet does not go out any more: the bank is asked whether it has it. */
export const heldBack = ({ item, transfer }: Item, at: number, reason: string): ReadonlyArray<BatchEvent> =>
  transfer === undefined || transfer.outcome !== undefined || transfer.phase !== "transferring"
    ? []
    : [{ _tag: "TransferUnknown", at, item, attempt: transfer.attempt, reason, inquireAt: at }]

interface FinalWord {
  readonly word: TransferFinal
  readonly evidence: Evidence
  readonly code?: string
}

const finalWord = (outcome: RecordTransfer["outcome"]): FinalWord | undefined => {
  switch (outcome._tag) {
    case "Settled":
      return { word: "settled", evidence: outcome.evidence }
    case "Failed":
      return { word: "failed", evidence: outcome.evidence, code: outcome.code }
    case "Returned":
      return { word: "returned", evidence: outcome.evidence, code: outcome.code }
    default:
      return undefined
  }
}

/** Transfers that another worker left in the air: the bank is asked about each at once. */
export const decideTakeOver = (batch: Batch, { at }: BatchCommandOf<"TakeOver">): Decision =>
  events(
    ...Arr.fromIterable(batch.tasks.transfer).flatMap((item) => {
      const attempt = batch.items.get(item)?.transfer?.attempt
      if (attempt === undefined) throw new Error(`item ${item} is in the air without an attempt`)
      const reason = "the worker that sent it is gone"
      return { _tag: "TransferUnknown" as const, at, item, attempt, reason, inquireAt: at }
    }),
  )
