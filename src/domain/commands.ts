/**
 * What a batch can be asked to do. Time, ids and other parties' answers arrive inside the command: `decide` invents
 * nothing. `at` is milliseconds since the Unix epoch.
 */
import { Schema } from "effect"
import { Seal } from "./beneficiary.ts"
import { ClearanceWord, FindingName, PayeePolicy } from "./clearance-words.ts"
import { Credential } from "./credential.ts"
import {
  Actor,
  BatchMode,
  Evidence,
  Instant,
  PayoutItem,
  PostingKind,
  ResolutionEvidence,
  TransferIntent,
} from "./events.ts"
import { AttemptNumber, ItemNumber, PartnerId } from "./identifiers.ts"
import { Currency } from "./money.ts"
import { ResolvedOutcome } from "./outcomes.ts"
import { OutsideText } from "./outside-text.ts"

const items = Schema.NonEmptyArray(ItemNumber)

/** Whose command it is; nobody's where a policy gives it, or where it was told before credentials were kept. */
const credential = Schema.optionalKey(Credential)

/** What is known of a transfer after a call, a callback or an inquiry. */
export const TransferOutcome = Schema.Union([
  /**
   * The bank took it and will say later how it ended; it is asked at `inquireAt` if it does not. Without evidence it is
   * the answer to our own order; an inquiry says when it was begun.
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
    /** It was said of a whole file or a group of payments, and does not name the transfer. */
    whole: Schema.optionalKey(Schema.Literal(true)),
    /** It is all that can be known, and not enough to try again on, at this bank or another. */
    unconfirmed: Schema.optionalKey(Schema.Literal(true)),
  }),
  Schema.TaggedStruct("Returned", {
    evidence: Evidence,
    code: OutsideText,
    /** All reasons that the bank gives, with their texts. */
    detail: Schema.optionalKey(OutsideText),
  }),
  /** No answer, or none that can be trusted: the bank is asked at `inquireAt`. */
  Schema.TaggedStruct("Unknown", { reason: OutsideText, inquireAt: Instant }),
  /**
   * The bank has no such transfer. That is definitive only once nothing can be on its way to it any more: not before
   * the transfer has been unknown for `quarantineMs`. It may go out again until `resendWithinMs` after its first send,
   * for as long as the bank surely knows its key; without it, for ever.
   */
  Schema.TaggedStruct("NeverSeen", {
    quarantineMs: Schema.Int,
    resendWithinMs: Schema.optionalKey(Schema.Int),
  }),
  /** The schedule of inquiries is exhausted. */
  Schema.TaggedStruct("Unresolved", { reason: OutsideText }),
  /** It lay with us, and will never go out. */
  Schema.TaggedStruct("Withdrawn", {}),
  /** It could not be taken back: it may have gone, or is surely about to. */
  Schema.TaggedStruct("NotWithdrawn", { goingOut: Schema.Boolean }),
])
export type TransferOutcome = typeof TransferOutcome.Type

/** What a partner's contract says of its batches. */
export const BatchPolicy = Schema.Struct({
  /** Totals per currency, in minor units, above which somebody else approves; where any is set, all without one need it. */
  approvalAbove: Schema.Record(Schema.String, Schema.BigInt),
  /** How long an approval may take, in milliseconds. */
  approvalWithinMs: Schema.Int,
  attemptsMax: AttemptNumber,
  /** Off where it is not said. */
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
  /** Together with what the partner had accepted without approval in a day, it is above a threshold. */
  dayIsUsedUp: Schema.optionalKey(Schema.Boolean),
  policy: BatchPolicy,
  items: Schema.NonEmptyArray(PayoutItem),
  /** The sealed accounts of each chunk of {@link ITEMS_PER_EVENT_MAX} items. */
  seals: Schema.NonEmptyArray(Seal),
})
export type ReceiveBatch = typeof ReceiveBatch.Type

export const RequestScreening = Schema.TaggedStruct("RequestScreening", { at: Instant, items })

/** The engine's answer to a clearance, or to a part of it: in its response, or later by callback. */
export const RecordScreening = Schema.TaggedStruct("RecordScreening", {
  at: Instant,
  clearance: Schema.Int,
  clearanceId: Schema.String,
  listVersion: Schema.String,
  decisions: Schema.Array(ClearanceWord),
  /** Items that the engine will decide later, and when it is asked again if it does not. */
  pending: Schema.optionalKey(Schema.Struct({ items, decideBy: Instant })),
})
export type RecordScreening = typeof RecordScreening.Type

/**
 * The version of the batch on which a person decided. What is about an item that became another since then comes too
 * late: a command may wait long in a mailbox, and is put to the batch again where it may have been lost.
 */
const seen = Schema.optionalKey(Schema.Int)

/** Releases or rejects an item that is held for review. */
export const Review = Schema.TaggedStruct("Review", {
  at: Instant,
  item: ItemNumber,
  decision: Schema.Literals(["released", "rejected"]),
  by: Actor,
  credential,
  reason: OutsideText,
  /** What the reviewer saw, and a release covers. Left out it is what had been found before `at`. */
  findings: Schema.optionalKey(Schema.Array(FindingName)),
})

/** Approves the batch whose hash is given, under another credential than the one that submitted it. */
export const Approve = Schema.TaggedStruct("Approve", {
  at: Instant,
  by: Actor,
  credential,
  hash: Schema.String,
})

export const ExpireApproval = Schema.TaggedStruct("ExpireApproval", { at: Instant })

export const StartExecution = Schema.TaggedStruct("StartExecution", { at: Instant })

/** Cancels the named items, or all when none are named. Each is answered: cancelled, or too late and why. */
export const Cancel = Schema.TaggedStruct("Cancel", {
  at: Instant,
  items: Schema.Array(ItemNumber),
  by: Actor,
  credential,
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

/** No rule of the version leads these items to a bank. */
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
  /** Who says so, when it comes from outside: only the attempt's own bank is believed. */
  bank: Schema.optionalKey(Schema.String),
  outcome: TransferOutcome,
})
export type RecordTransfer = typeof RecordTransfer.Type

/** A worker found transfers in the air that it did not send itself: nobody knows what became of them. */
export const TakeOver = Schema.TaggedStruct("TakeOver", { at: Instant })

/** Tries a failed item again, as a new attempt. */
export const Retry = Schema.TaggedStruct("Retry", {
  at: Instant,
  item: ItemNumber,
  /** The attempt that failed. Left out it is the last one, whichever that is then. */
  attempt: Schema.optionalKey(AttemptNumber),
  seen,
  by: Actor,
  credential,
})

/** When one operator is not enough to say how a transfer ended. */
export const ResolutionPolicy = Schema.Struct({
  /** Per currency, in minor units, up to which amount one is; never in a currency that is not here. */
  aloneUpTo: Schema.Record(Schema.String, Schema.BigIntFromString),
  /** How long what one said waits for another one. */
  confirmWithinMs: Schema.Int,
})
export type ResolutionPolicy = typeof ResolutionPolicy.Type

/** Says, with evidence, how an attempt of a parked item ended. */
export const Resolve = Schema.TaggedStruct("Resolve", {
  at: Instant,
  item: ItemNumber,
  /** May be left out where only one is in question. */
  attempt: Schema.optionalKey(AttemptNumber),
  seen,
  outcome: ResolvedOutcome,
  by: Actor,
  credential,
  reason: OutsideText,
  /** Absent, as is the policy, where it was told before both were asked for: it is refused then. */
  evidence: Schema.optionalKey(ResolutionEvidence),
  policy: Schema.optionalKey(ResolutionPolicy),
})

export const CloseBatch = Schema.TaggedStruct("CloseBatch", { at: Instant })

/** The commands that come from outside and wait in a mailbox; all others but the first are the worker's own. */
export const MailCommand = Schema.Union([
  RecordTransfer,
  RecordScreening,
  Approve,
  Cancel,
  Review,
  Retry,
  Resolve,
  FundAccount,
])
export type MailCommand = typeof MailCommand.Type

/**
 * Whether a command is a decision that is acknowledged to whoever took it, and would be missed by nobody but them: what
 * people decide, and what the compliance engine says against an item. Such a one is written into a second store first.
 */
export const isDecision = (command: MailCommand): boolean => {
  switch (command._tag) {
    case "Approve":
    case "Cancel":
    case "Review":
    case "Retry":
    case "Resolve":
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
