/**
 * The commands that a batch takes. Time, ids and answers of others come in with the command, so `decide` creates none of
 * them. `at` is milliseconds since the Unix epoch.
 */
import { Schema } from "effect"
import { BatchTerms } from "./batch-terms.ts"
import { Seal } from "./beneficiary.ts"
import { ClearanceAnswer, FindingName, PayeePolicy } from "./clearance-answers.ts"
import { Credential } from "./credential.ts"
import { Duplicates } from "./duplicates.ts"
import { BatchMode, PayoutItem, PostingKind, ResolutionEvidence } from "./events.ts"
import { AttemptNumber, ItemNumber, PartnerId } from "./identifiers.ts"
import { Instant } from "./instant.ts"
import { Currency } from "./money.ts"
import { ResolvedOutcome } from "./outcomes.ts"
import { OutsideText } from "./outside-text.ts"
import { Actor } from "./personal-events.ts"
import { RejectedRows } from "./rejected-rows.ts"
import { Trace } from "./trace.ts"
import { Evidence, TransferIntent } from "./transfer-events.ts"

const items = Schema.NonEmptyArray(ItemNumber)

/** Who gave the command. Absent if a policy did, and in mail of releases that did not record credentials. */
const credential = Schema.optionalKey(Credential)

/** The name that the request gave for who acts: a note. */
const typedBy = Schema.optionalKey(Actor)

/** The partner's contract lets the partner decide this. Without it, only operators may. */
const contract = Schema.optionalKey(Schema.Literal(true))

/** What a call, a callback or an inquiry says about a transfer. */
export const TransferOutcome = Schema.Union([
  /**
   * The bank accepted it and will report the outcome; it is asked at `inquireAt` if it does not. Without evidence, this is
   * the response to our own order. From an inquiry, `askedAt` is when the inquiry began.
   */
  Schema.TaggedStruct("Accepted", {
    transferId: Schema.String,
    inquireAt: Instant,
    evidence: Schema.optionalKey(Evidence),
    askedAt: Schema.optionalKey(Instant),
  }),
  Schema.TaggedStruct("Settled", { evidence: Evidence }),
  Schema.TaggedStruct("Failed", {
    evidence: Evidence,
    code: OutsideText,
    /** All reasons that the bank gives, with their texts. */
    detail: Schema.optionalKey(OutsideText),
    /** The report is about a whole file or group of payments and does not name the transfer. */
    whole: Schema.optionalKey(Schema.Literal(true)),
    /** The refusal cannot be confirmed, so it must not lead to a retry, here or at another bank. */
    unconfirmed: Schema.optionalKey(Schema.Literal(true)),
    /** We refused it ourselves, before anything was sent: its bank cannot be sent such a payment. */
    unsent: Schema.optionalKey(Schema.Literal(true)),
  }),
  Schema.TaggedStruct("Returned", {
    evidence: Evidence,
    code: OutsideText,
    /** All reasons that the bank gives, with their texts. */
    detail: Schema.optionalKey(OutsideText),
  }),
  /** No answer, or none that can be trusted. The bank is asked at `inquireAt`. */
  Schema.TaggedStruct("Unknown", { reason: OutsideText, inquireAt: Instant }),
  /**
   * The bank has no such transfer. That is certain only once no call can be in transit any more: after the transfer has been
   * unknown for `quarantineMs`. It may be sent again until `resendWithinMs` after its intent, while the bank surely still
   * knows its key. Without `resendWithinMs` there is no limit.
   */
  Schema.TaggedStruct("NeverSeen", {
    quarantineMs: Schema.Int,
    resendWithinMs: Schema.optionalKey(Schema.Int),
  }),
  /** The schedule of inquiries is exhausted. */
  Schema.TaggedStruct("Unresolved", { reason: OutsideText }),
  /** It was not sent, and never will be. */
  Schema.TaggedStruct("Withdrawn", {}),
  /** It could not be withdrawn: it may have been sent, or (`goingOut`) surely will be. */
  Schema.TaggedStruct("NotWithdrawn", { goingOut: Schema.Boolean }),
])
export type TransferOutcome = typeof TransferOutcome.Type

/** What a partner's contract sets for its batches. */
export const BatchPolicy = Schema.Struct({
  /**
   * Totals per currency, in minor units, above which a second person has to approve. If any is set, currencies without one
   * always need approval.
   */
  approvalAbove: Schema.Record(Schema.String, Schema.BigInt),
  /** How long an approval may take, in milliseconds. */
  approvalWithinMs: Schema.Int,
  attemptsMax: AttemptNumber,
  /** Off if absent. */
  payeePolicy: Schema.optionalKey(PayeePolicy),
})
export type BatchPolicy = typeof BatchPolicy.Type

export const ReceiveBatch = Schema.TaggedStruct("ReceiveBatch", {
  at: Instant,
  partner: PartnerId,
  idempotencyKey: Schema.String,
  requestDigest: Schema.String,
  reference: Schema.optionalKey(Schema.String),
  mode: BatchMode,
  submittedBy: Actor,
  credential,
  executeAt: Schema.optionalKey(Instant),
  /** Whether the partner asked for a second person. */
  approvalAsked: Schema.Boolean,
  /** Together with the batches of a day that were accepted without approval, it is above a threshold. */
  dayIsUsedUp: Schema.optionalKey(Schema.Boolean),
  policy: BatchPolicy,
  duplicates: Schema.optionalKey(Duplicates),
  trace: Schema.optionalKey(Trace),
  /** The partner's own settings, which the log keeps. */
  terms: Schema.optionalKey(BatchTerms),
  rejectedRows: Schema.optionalKey(RejectedRows),
  items: Schema.NonEmptyArray(PayoutItem),
  /** The sealed accounts, one seal for each chunk of {@link ITEMS_PER_EVENT_MAX} items. */
  seals: Schema.NonEmptyArray(Seal),
})
export type ReceiveBatch = typeof ReceiveBatch.Type

export const RequestScreening = Schema.TaggedStruct("RequestScreening", { at: Instant, items })

/** The engine's answer to a clearance or a part of it: in its response, or later by callback. */
export const RecordScreening = Schema.TaggedStruct("RecordScreening", {
  at: Instant,
  clearance: Schema.Int,
  clearanceId: Schema.String,
  listVersion: Schema.String,
  decisions: Schema.Array(ClearanceAnswer),
  /** Items that the engine postponed, and when to ask it again if it does not decide before. */
  pending: Schema.optionalKey(Schema.Struct({ items, decideBy: Instant })),
})
export type RecordScreening = typeof RecordScreening.Type

/**
 * The version of the batch that a person saw when deciding. If the item changed its state since, the command comes too late:
 * it may have waited long in a mailbox, and it is enqueued again if it may have been lost.
 */
const seen = Schema.optionalKey(Schema.Int)

/** Releases or rejects an item that is held for review. */
export const Review = Schema.TaggedStruct("Review", {
  at: Instant,
  item: ItemNumber,
  decision: Schema.Literals(["released", "rejected"]),
  by: Actor,
  credential,
  typedBy,
  contract,
  reason: OutsideText,
  /** The findings that the reviewer saw, which a release covers. Without them, those found before `at`. */
  findings: Schema.optionalKey(Schema.Array(FindingName)),
})

/** Approves exactly the batch with this hash, under another credential than the one that submitted it. */
export const Approve = Schema.TaggedStruct("Approve", {
  at: Instant,
  by: Actor,
  credential,
  typedBy,
  hash: Schema.String,
})

/** Declines to approve the batch with this hash: it is cancelled. */
export const Decline = Schema.TaggedStruct("Decline", {
  at: Instant,
  by: Actor,
  credential,
  typedBy,
  hash: Schema.String,
  reason: OutsideText,
})

export const ExpireApproval = Schema.TaggedStruct("ExpireApproval", { at: Instant })

export const StartExecution = Schema.TaggedStruct("StartExecution", { at: Instant })

/** Cancels the named items, or all if none is named. Each gets an answer: cancelled, or too late with the reason. */
export const Cancel = Schema.TaggedStruct("Cancel", {
  at: Instant,
  items: Schema.Array(ItemNumber),
  by: Actor,
  credential,
  typedBy,
  reason: OutsideText,
})

export const RequestPosting = Schema.TaggedStruct("RequestPosting", {
  at: Instant,
  kind: PostingKind,
  items,
})

export const RecordPosting = Schema.TaggedStruct("RecordPosting", {
  at: Instant,
  posting: Schema.Int,
  ledgerPostingId: Schema.String,
})

export const RecordPostingRefusal = Schema.TaggedStruct("RecordPostingRefusal", {
  at: Instant,
  posting: Schema.Int,
  code: OutsideText,
  retryAt: Instant,
})

/** The ledger funded the partner's account in a currency. */
export const FundAccount = Schema.TaggedStruct("FundAccount", { at: Instant, currency: Currency })

export const RequestTransfers = Schema.TaggedStruct("RequestTransfers", {
  at: Instant,
  transfers: Schema.NonEmptyArray(TransferIntent),
})

/** No rule of this version routes these items to a bank. */
export const RecordUnrouted = Schema.TaggedStruct("RecordUnrouted", {
  at: Instant,
  items,
  version: Schema.String,
})

/** Sends a refused item to the next bank of its rule, as a new attempt. */
export const Reroute = Schema.TaggedStruct("Reroute", { at: Instant, item: ItemNumber })

export const RecordTransfer = Schema.TaggedStruct("RecordTransfer", {
  at: Instant,
  item: ItemNumber,
  attempt: AttemptNumber,
  /** The bank that reports it, in a callback. Only the attempt's own bank is believed. */
  bank: Schema.optionalKey(Schema.String),
  /** What the bank says that it was ordered to pay, in minor units as text. Only a report of the item's own amount is believed. */
  amount: Schema.optionalKey(Schema.Struct({ currency: Schema.String, minor: Schema.String })),
  outcome: TransferOutcome,
})
export type RecordTransfer = typeof RecordTransfer.Type

/** A worker found transfers under way that it did not send itself, so their outcome is unknown. */
export const TakeOver = Schema.TaggedStruct("TakeOver", { at: Instant })

/** Tries a failed item again, as a new attempt. */
export const Retry = Schema.TaggedStruct("Retry", {
  at: Instant,
  item: ItemNumber,
  /** The attempt that failed. Without it, the last one when the command is handled. */
  attempt: Schema.optionalKey(AttemptNumber),
  seen,
  by: Actor,
  credential,
  typedBy,
})

/** When one operator alone may resolve a parked transfer. */
export const ResolutionPolicy = Schema.Struct({
  /** Per currency, the largest amount in minor units for one operator; in other currencies it always takes two. */
  aloneUpTo: Schema.Record(Schema.String, Schema.BigIntFromString),
  /** How long one operator's resolution waits for a second one, in milliseconds. */
  confirmWithinMs: Schema.Int,
})
export type ResolutionPolicy = typeof ResolutionPolicy.Type

/** Resolves an attempt of a parked item: how it ended, with evidence. */
export const Resolve = Schema.TaggedStruct("Resolve", {
  at: Instant,
  item: ItemNumber,
  /** Optional if only one attempt is in question. */
  attempt: Schema.optionalKey(AttemptNumber),
  seen,
  outcome: ResolvedOutcome,
  by: Actor,
  credential,
  typedBy,
  contract,
  reason: OutsideText,
  /** Absent, like the policy, only in mail of older releases; such a command is refused. */
  evidence: Schema.optionalKey(ResolutionEvidence),
  policy: Schema.optionalKey(ResolutionPolicy),
})

/** Changes `executeAt` of a batch that has not started to pay. */
export const Reschedule = Schema.TaggedStruct("Reschedule", {
  at: Instant,
  executeAt: Instant,
  by: Actor,
  credential,
  typedBy,
})

export const CloseBatch = Schema.TaggedStruct("CloseBatch", { at: Instant })

/** The commands that come from outside and wait in a mailbox. All others, except `ReceiveBatch`, are the worker's own. */
export const MailCommand = Schema.Union([
  RecordTransfer,
  RecordScreening,
  Approve,
  Decline,
  Cancel,
  Review,
  Retry,
  Resolve,
  Reschedule,
  FundAccount,
])
export type MailCommand = typeof MailCommand.Type

/**
 * Whether a command is a decision that exists nowhere else once it is acknowledged: decisions of people, and objections of
 * the compliance engine. Such a decision is first written into a second store.
 */
export const isDecision = (command: MailCommand): boolean => {
  switch (command._tag) {
    case "Approve":
    case "Decline":
    case "Cancel":
    case "Review":
    case "Retry":
    case "Resolve":
    case "Reschedule":
      return true
    case "RecordScreening":
      return command.decisions.some(({ decision, payee }) => decision !== "approved" || payee === "no-match")
    case "RecordTransfer":
    case "FundAccount":
      return false
  }
}

export const BatchCommand = Schema.Union([
  ReceiveBatch,
  RequestScreening,
  ExpireApproval,
  StartExecution,
  RequestPosting,
  RecordPosting,
  RecordPostingRefusal,
  RequestTransfers,
  RecordUnrouted,
  Reroute,
  TakeOver,
  CloseBatch,
  ...MailCommand.members,
])
export type BatchCommand = typeof BatchCommand.Type
export type BatchCommandOf<Tag extends BatchCommand["_tag"]> = Extract<BatchCommand, { readonly _tag: Tag }>
