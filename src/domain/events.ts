/**
 * The events of a payout batch. The log of them is the only truth; everything else is derived from it.
 *
 * An event contains everything that was not deterministic when it happened: the time, ids and answers of others, list
 * versions, times of the next try. `at` is milliseconds since the Unix epoch.
 */
import { Schema } from "effect"
import { BatchTerms } from "./batch-terms.ts"
import { PlainText, Seal, VisibleBeneficiary } from "./beneficiary.ts"
import { ClearanceDecision, FindingName, PayeePolicy } from "./clearance-answers.ts"
import { Credential } from "./credential.ts"
import { Duplicates } from "./duplicates.ts"
import { AttemptNumber, ItemNumber, PartnerId } from "./identifiers.ts"
import { Instant } from "./instant.ts"
import { Currency } from "./money.ts"
import { ResolvedOutcome } from "./outcomes.ts"
import { OutsideText } from "./outside-text.ts"
import { Actor, ApprovalDeclined, BatchRescheduled, CommandRefused, who } from "./personal-events.ts"
import { RejectedRows } from "./rejected-rows.ts"
import { schemes } from "./scheme.ts"
import { Trace } from "./trace.ts"
import {
  aboutAttempt,
  LateOutcomeDetected,
  TransferAccepted,
  TransferFailed,
  TransferParked,
  TransferResent,
  TransferReturned,
  TransferSettled,
  TransfersAccepted,
  TransfersRequested,
  TransfersSettled,
  TransferUnknown,
} from "./transfer-events.ts"

/** One payout as it was accepted. `minor` is its amount in minor units of the currency. */
export const PayoutItem = Schema.Struct({
  item: ItemNumber,
  /** The partner's own reference, unique within the batch. */
  reference: PlainText(64),
  beneficiary: VisibleBeneficiary,
  currency: Currency,
  minor: Schema.BigIntFromString,
  /** Text for the beneficiary's statement. */
  remittance: Schema.optionalKey(PlainText(140)),
})
export type PayoutItem = typeof PayoutItem.Type

/** hold before paying, post when settled, release when failed, reverse when returned. */
export const PostingKind = Schema.Literals(["hold", "post", "release", "reverse"])
export type PostingKind = typeof PostingKind.Type

/** The states that end a batch. */
export const ClosedState = Schema.Literals([
  "settled",
  "partially-settled",
  "failed",
  "rejected",
  "cancelled",
])
export type ClosedState = typeof ClosedState.Type

/** What happens if compliance rejects an item: `partial` pays the others, `strict` pays none. */
export const BatchMode = Schema.Literals(["partial", "strict"])
export type BatchMode = typeof BatchMode.Type

/** Why a batch needs approval, until when, and the hash that is approved. */
export const ApprovalTerms = Schema.Struct({
  reason: Schema.Literals(["asked", "threshold"]),
  expiresAt: Instant,
  hash: Schema.String,
})

const items = Schema.NonEmptyArray(ItemNumber)

/** The credential of the actor; absent for a policy, and in logs of releases that did not record credentials. */
const credential = Schema.optionalKey(Credential)

/** A person's evidence of how a transfer ended, and where to find it again: a statement, a letter, a case. */
export const ResolutionEvidence = Schema.Struct({ text: OutsideText, reference: OutsideText })
export type ResolutionEvidence = typeof ResolutionEvidence.Type

export const BatchReceived = Schema.TaggedStruct("BatchReceived", {
  at: Instant,
  partner: PartnerId,
  idempotencyKey: Schema.String,
  /** A keyed hash of the request body: the same idempotency key with another body is refused. */
  requestDigest: Schema.String,
  reference: Schema.optionalKey(PlainText(64)),
  itemCount: ItemNumber,
  mode: BatchMode,
  submittedBy: Actor,
  credential,
  /** Nothing is paid before this time. */
  executeAt: Schema.optionalKey(Instant),
  approval: Schema.optionalKey(ApprovalTerms),
  /** How often the policy tries an item, if it fails for reasons that may pass. */
  attemptsMax: AttemptNumber,
  /** Off if absent, as in logs of releases that did not verify payees. */
  payeePolicy: Schema.optionalKey(PayeePolicy),
  duplicates: Schema.optionalKey(Duplicates),
  /** The trace to which the request belonged that was accepted. */
  trace: Schema.optionalKey(Trace),
  /** What the partner's own settings said. Absent if it has none, and in logs of releases without them. */
  terms: Schema.optionalKey(BatchTerms),
  /** Of a file whose good rows were asked for: the rows that are not in the batch. */
  rejectedRows: Schema.optionalKey(RejectedRows),
})

/** A chunk of a batch's items, at most {@link ITEMS_PER_EVENT_MAX}, in the order of their numbers. */
export const ItemsReceived = Schema.TaggedStruct("ItemsReceived", {
  at: Instant,
  items: Schema.NonEmptyArray(PayoutItem),
  /** Their accounts, in the same order. */
  sealed: Seal,
})

/** The intent to have items screened, recorded before the call. The answer, whenever it comes, names this request. */
export const ScreeningRequested = Schema.TaggedStruct("ScreeningRequested", {
  at: Instant,
  clearance: Schema.Int,
  items,
})

/** What the answer is to: the clearance, the engine's id for it, and the version of the lists. */
const answer = {
  at: Instant,
  clearance: Schema.Int,
  clearanceId: Schema.String,
  listVersion: Schema.String,
}

export const ItemsScreened = Schema.TaggedStruct("ItemsScreened", {
  ...answer,
  decisions: Schema.NonEmptyArray(ClearanceDecision),
})

/** The engine postponed its decision on some items. If it has not decided by `decideBy`, it is asked again. */
export const ClearancePending = Schema.TaggedStruct("ClearancePending", {
  ...answer,
  items,
  decideBy: Instant,
})

/** The engine gave a stricter decision after an intent to pay: an alarm. Nothing more is sent for these items. */
export const ClearanceWithdrawn = Schema.TaggedStruct("ClearanceWithdrawn", {
  ...answer,
  decisions: Schema.NonEmptyArray(ClearanceDecision),
})

/** A person released or rejected an item that was held for review. */
export const ItemReviewed = Schema.TaggedStruct("ItemReviewed", {
  at: Instant,
  item: ItemNumber,
  decision: Schema.Literals(["released", "rejected"]),
  ...who,
  reason: OutsideText,
  /** The findings that a release covers. In logs of older releases it is absent and covers all findings so far. */
  findings: Schema.optionalKey(Schema.Array(FindingName)),
})

export const BatchApproved = Schema.TaggedStruct("BatchApproved", {
  at: Instant,
  ...who,
  hash: Schema.String,
})

export const ApprovalExpired = Schema.TaggedStruct("ApprovalExpired", { at: Instant })

/** The batch may pay: it is screened as its mode demands and approved if needed, and its time has come. */
export const ExecutionStarted = Schema.TaggedStruct("ExecutionStarted", {
  at: Instant,
  /** The day on which each scheme's payouts should arrive if they are sent now. */
  arrivals: Schema.Array(Schema.Struct({ scheme: Schema.Literals(schemes), on: Schema.String })),
})

/** Items that will not be paid: after a cancellation, or because a policy cancelled the rest of a batch. */
export const ItemsCancelled = Schema.TaggedStruct("ItemsCancelled", {
  at: Instant,
  items,
  ...who,
  reason: OutsideText,
})

/**
 * Items for which a cancellation came too late, with the reason: one by one if they are few, else as ranges of numbers. Each
 * item is recorded once.
 */
export const CancellationRefused = Schema.TaggedStruct("CancellationRefused", {
  at: Instant,
  ...who,
  items: Schema.optionalKey(Schema.NonEmptyArray(Schema.Struct({ item: ItemNumber, reason: Schema.String }))),
  ranges: Schema.optionalKey(
    Schema.NonEmptyArray(Schema.Struct({ from: ItemNumber, to: ItemNumber, reason: Schema.String })),
  ),
})

/** The intent of a ledger posting, recorded before the call, so that a retry posts the same lines under the same key. */
export const PostingRequested = Schema.TaggedStruct("PostingRequested", {
  at: Instant,
  posting: Schema.Int,
  kind: PostingKind,
  items,
})

export const PostingBooked = Schema.TaggedStruct("PostingBooked", {
  at: Instant,
  posting: Schema.Int,
  ledgerPostingId: Schema.String,
})

/**
 * The ledger refused the posting. Its items are posted again under a new key, at `retryAt`, or as soon as funds arrive if only
 * funds were missing.
 */
export const PostingRefused = Schema.TaggedStruct("PostingRefused", {
  at: Instant,
  posting: Schema.Int,
  /** The ledger's own code. */
  code: OutsideText,
  retryAt: Instant,
})

/** The ledger reported that the partner's account in a currency was funded. Items that wait for funds are retried. */
export const FundsArrived = Schema.TaggedStruct("FundsArrived", { at: Instant, currency: Currency })

/** Why an order is to be withdrawn before it is sent. */
export const WithdrawalCause = Schema.Literals(["cancellation", "clearance", "dispute", "resolution"])
export type WithdrawalCause = typeof WithdrawalCause.Type

/**
 * The intent to withdraw orders that may still wait with us, recorded before it is tried. Until the answer is in the log, they
 * may be sent, so nothing is cancelled or resolved yet.
 */
export const WithdrawalsRequested = Schema.TaggedStruct("WithdrawalsRequested", {
  at: Instant,
  transfers: Schema.NonEmptyArray(Schema.Struct({ item: ItemNumber, attempt: AttemptNumber })),
  cause: WithdrawalCause,
  ...who,
  reason: OutsideText,
  /** If the cause is a resolution, its outcome: it counts only if the order can no longer be sent. */
  outcome: Schema.optionalKey(ResolvedOutcome),
  evidence: Schema.optionalKey(ResolutionEvidence),
  proposedBy: credential,
})

/** The attempt was withdrawn and will never be sent. It has failed, and only a person may retry it. */
export const TransferWithdrawn = Schema.TaggedStruct("TransferWithdrawn", {
  ...aboutAttempt,
  /** Why it was withdrawn. Absent if the log has no request for it, or the request has no other effect. */
  cause: Schema.optionalKey(WithdrawalCause),
})

/** The order cannot be withdrawn: the bank has it, may have it, or will. */
export const WithdrawalRefused = Schema.TaggedStruct("WithdrawalRefused", {
  ...aboutAttempt,
  /** It is about to be sent, and surely will be. Absent if it may have been sent. */
  goingOut: Schema.optionalKey(Schema.Literal(true)),
})

/** One operator resolved an attempt of a parked item. It counts once a second operator confirms it before it expires. */
export const ResolutionProposed = Schema.TaggedStruct("ResolutionProposed", {
  ...aboutAttempt,
  outcome: ResolvedOutcome,
  ...who,
  credential: Credential,
  reason: OutsideText,
  evidence: ResolutionEvidence,
  expiresAt: Instant,
})

/** An attempt of a parked item was resolved by a person, with evidence. */
export const ParkedResolved = Schema.TaggedStruct("ParkedResolved", {
  ...aboutAttempt,
  outcome: ResolvedOutcome,
  ...who,
  reason: OutsideText,
  /** Absent in logs of releases that did not ask for evidence. */
  evidence: Schema.optionalKey(ResolutionEvidence),
  /** The operator who proposed it, if two were needed. */
  proposedBy: credential,
})

/** A failed item is to be paid again: with a new attempt and a new key. */
export const RetryRequested = Schema.TaggedStruct("RetryRequested", {
  at: Instant,
  item: ItemNumber,
  attempt: Schema.optionalKey(AttemptNumber),
  ...who,
})

/** A bank refused an item that another one may pay: it goes to the next bank of its rule, as a new attempt with a new key. */
export const RerouteRequested = Schema.TaggedStruct("RerouteRequested", { at: Instant, item: ItemNumber })

/** No rule of this version routes these items to a bank. A person repairs the rules, then retries or cancels them. */
export const ItemsUnrouted = Schema.TaggedStruct("ItemsUnrouted", {
  at: Instant,
  items,
  version: Schema.String,
})

export const BatchClosed = Schema.TaggedStruct("BatchClosed", { at: Instant, state: ClosedState })

export const BatchEvent = Schema.Union([
  BatchReceived,
  ItemsReceived,
  ScreeningRequested,
  ItemsScreened,
  ClearancePending,
  ClearanceWithdrawn,
  ItemReviewed,
  BatchApproved,
  ApprovalExpired,
  ApprovalDeclined,
  ExecutionStarted,
  ItemsCancelled,
  CancellationRefused,
  CommandRefused,
  BatchRescheduled,
  PostingRequested,
  PostingBooked,
  PostingRefused,
  FundsArrived,
  TransfersRequested,
  TransferResent,
  TransferAccepted,
  TransfersAccepted,
  TransferUnknown,
  TransferSettled,
  TransfersSettled,
  TransferFailed,
  TransferReturned,
  TransferParked,
  WithdrawalsRequested,
  TransferWithdrawn,
  WithdrawalRefused,
  LateOutcomeDetected,
  ResolutionProposed,
  ParkedResolved,
  RetryRequested,
  RerouteRequested,
  ItemsUnrouted,
  BatchClosed,
])
export type BatchEvent = typeof BatchEvent.Type
export type BatchEventOf<Tag extends BatchEvent["_tag"]> = Extract<BatchEvent, { readonly _tag: Tag }>

/** Items in one {@link ItemsReceived} event. This keeps an entry of the log near 150 KiB. */
export const ITEMS_PER_EVENT_MAX = 500

/** An event with its version in the batch's log. Versions are gapless from 1. */
export interface RecordedEvent {
  readonly version: number
  readonly event: BatchEvent
}
