/**
 * What can happen to a payout batch. The log of these events is the only truth; everything else is derived from it.
 *
 * An event holds all that was not deterministic when it happened: the time, ids and answers of others, list versions,
 * the moments at which something will be tried again. `at` is milliseconds since the Unix epoch.
 */
import { Schema } from "effect"
import { PlainText, Seal, VisibleBeneficiary } from "./beneficiary.ts"
import { ClearanceDecision, FindingName, PayeePolicy } from "./clearance-words.ts"
import { Credential } from "./credential.ts"
import { AttemptNumber, ItemNumber, PartnerId } from "./identifiers.ts"
import { Currency } from "./money.ts"
import { ResolvedOutcome, TransferFinal } from "./outcomes.ts"
import { OutsideText } from "./outside-text.ts"
import { schemes } from "./scheme.ts"

/** Milliseconds since the Unix epoch. */
export const Instant = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** One payout as it was accepted. Its amount is in minor units of the currency. */
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

/** hold when cleared, post when settled, release when failed, reverse when returned. */
export const PostingKind = Schema.Literals(["hold", "post", "release", "reverse"])
export type PostingKind = typeof PostingKind.Type

/** How the final word about a transfer reached us. */
export const Evidence = Schema.Literals(["response", "callback", "inquiry"])
export type Evidence = typeof Evidence.Type

/** The states that end a batch. */
export const ClosedState = Schema.Literals([
  "settled",
  "partially-settled",
  "failed",
  "rejected",
  "cancelled",
])
export type ClosedState = typeof ClosedState.Type

/** What happens when an item is refused: `partial` pays the others, `strict` pays nobody. */
export const BatchMode = Schema.Literals(["partial", "strict"])
export type BatchMode = typeof BatchMode.Type

/** Why a batch needs a second person, until when, and the hash of what that person approves. */
export const ApprovalTerms = Schema.Struct({
  reason: Schema.Literals(["asked", "threshold"]),
  expiresAt: Instant,
  hash: Schema.String,
})

export const FailureCategory = Schema.Literals([
  "beneficiary",
  "bank",
  "compliance",
  "funds",
  "limit",
  "technical",
])

const items = Schema.NonEmptyArray(ItemNumber)

/** The name that a person gave: a note, by which nobody is known. Or the policy that acted in a person's place. */
export const Actor = PlainText(128)

/** Under which credential it was done; absent where a policy did it, and in logs from before credentials were kept. */
const credential = Schema.optionalKey(Credential)

/** What a person saw that says how a transfer ended, and where it can be found again: a statement, a letter, a case. */
export const ResolutionEvidence = Schema.Struct({ text: OutsideText, reference: OutsideText })
export type ResolutionEvidence = typeof ResolutionEvidence.Type

const transfer = { at: Instant, item: ItemNumber, attempt: AttemptNumber }

export const BatchReceived = Schema.TaggedStruct("BatchReceived", {
  at: Instant,
  partner: PartnerId,
  idempotencyKey: Schema.String,
  /** A keyed hash of the request body as it was received: the same idempotency key with another body is refused. */
  requestDigest: Schema.String,
  reference: Schema.optionalKey(PlainText(64)),
  itemCount: ItemNumber,
  mode: BatchMode,
  submittedBy: Actor,
  credential,
  /** Not before this moment is anything paid. */
  executeAt: Schema.optionalKey(Instant),
  approval: Schema.optionalKey(ApprovalTerms),
  /** How often an item may be tried by policy after failures that a new attempt may mend. */
  attemptsMax: AttemptNumber,
  /** Off where it is not said, as in logs from before payees were verified. */
  payeePolicy: Schema.optionalKey(PayeePolicy),
})

/** A chunk of a batch's items, at most {@link ITEMS_PER_EVENT_MAX}, in the order of their numbers. */
export const ItemsReceived = Schema.TaggedStruct("ItemsReceived", {
  at: Instant,
  items: Schema.NonEmptyArray(PayoutItem),
  /** Their accounts, in the same order. */
  sealed: Seal,
})

/** The intent to have items screened, recorded before the call: the answer, whenever it comes, is to this request. */
export const ScreeningRequested = Schema.TaggedStruct("ScreeningRequested", {
  at: Instant,
  clearance: Schema.Int,
  items,
})

/** Whose answer it is: the clearance, the engine's name for it, and the lists that it looked into. */
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

/** The engine takes its time over some items. If it has not told by `decideBy`, it is asked again. */
export const ClearancePending = Schema.TaggedStruct("ClearancePending", {
  ...answer,
  items,
  decideBy: Instant,
})

/** The engine said something stricter of items after an intent to pay them: an alarm. Nothing more is sent for them. */
export const ClearanceWithdrawn = Schema.TaggedStruct("ClearanceWithdrawn", {
  ...answer,
  decisions: Schema.NonEmptyArray(ClearanceDecision),
})

/** A person released or rejected an item that was held for review. */
export const ItemReviewed = Schema.TaggedStruct("ItemReviewed", {
  at: Instant,
  item: ItemNumber,
  decision: Schema.Literals(["released", "rejected"]),
  by: Actor,
  credential,
  reason: OutsideText,
  /** What a release covers; all that was found by then in logs from before releases said so. */
  findings: Schema.optionalKey(Schema.Array(FindingName)),
})

export const BatchApproved = Schema.TaggedStruct("BatchApproved", {
  at: Instant,
  by: Actor,
  credential,
  hash: Schema.String,
})

export const ApprovalExpired = Schema.TaggedStruct("ApprovalExpired", { at: Instant })

/** The batch may pay: screened as its mode demands, approved if needed, and its time has come. */
export const ExecutionStarted = Schema.TaggedStruct("ExecutionStarted", {
  at: Instant,
  /** The day on which each scheme's payouts should arrive if they are sent now. */
  arrivals: Schema.Array(Schema.Struct({ scheme: Schema.Literals(schemes), on: Schema.String })),
})

/** Items that will not be paid: the answer to a cancellation, or what a policy made of the rest of a batch. */
export const ItemsCancelled = Schema.TaggedStruct("ItemsCancelled", {
  at: Instant,
  items,
  by: Actor,
  credential,
  reason: OutsideText,
})

/**
 * Items for which a cancellation came too late, each with the reason: one by one where they are few, else by ranges of
 * their numbers. Each item is told of once.
 */
export const CancellationRefused = Schema.TaggedStruct("CancellationRefused", {
  at: Instant,
  by: Actor,
  credential,
  items: Schema.optionalKey(Schema.NonEmptyArray(Schema.Struct({ item: ItemNumber, reason: Schema.String }))),
  ranges: Schema.optionalKey(
    Schema.NonEmptyArray(Schema.Struct({ from: ItemNumber, to: ItemNumber, reason: Schema.String })),
  ),
})

/** The intent of a ledger posting, recorded before the call so that a retry posts the same lines under the same key. */
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
 * The ledger understood the posting and will not book it. Its items are posted anew, at `retryAt` or, where only funds
 * were missing, as soon as they come.
 */
export const PostingRefused = Schema.TaggedStruct("PostingRefused", {
  at: Instant,
  posting: Schema.Int,
  /** The ledger's own code. */
  code: OutsideText,
  retryAt: Instant,
})

/** The ledger told that the partner's account in a currency was funded: what waits for that is tried again. */
export const FundsArrived = Schema.TaggedStruct("FundsArrived", { at: Instant, currency: Currency })

/** Why an attempt goes to its bank: by which rule of which version, and which banks of the rule are left to try. */
export const Route = Schema.Struct({
  rule: Schema.String,
  version: Schema.String,
  others: Schema.optionalKey(Schema.Array(Schema.String)),
})
export type Route = typeof Route.Type

/** One attempt to pay an item, as it is meant to be sent. */
export const TransferIntent = Schema.Struct({
  item: ItemNumber,
  attempt: AttemptNumber,
  bank: Schema.String,
  reference: Schema.String,
  /** Absent in logs from before rules were recorded. */
  route: Schema.optionalKey(Route),
  /** Its bank's orders lie with us before they go out, so that one can be withdrawn. Absent where they do not. */
  withdrawable: Schema.optionalKey(Schema.Literal(true)),
})
export type TransferIntent = typeof TransferIntent.Type

/** The intents of transfers, recorded before the banks are called: a chunk of them, as they are written and sent. */
export const TransfersRequested = Schema.TaggedStruct("TransfersRequested", {
  at: Instant,
  transfers: Schema.NonEmptyArray(TransferIntent),
})

/** The bank said that it never saw the attempt, so the same attempt goes out again under the same key. */
export const TransferResent = Schema.TaggedStruct("TransferResent", transfer)

/** The bank took the transfer; its outcome follows by callback, or is asked for at `inquireAt`. */
export const TransferAccepted = Schema.TaggedStruct("TransferAccepted", {
  ...transfer,
  transferId: Schema.String,
  inquireAt: Instant,
})

/** A refusal that has to be confirmed: what the bank said, how it reached us, and whether of more than the one transfer. */
export const OpenRefusal = Schema.Struct({
  /** The bank's own code, as it was given. */
  code: OutsideText,
  evidence: Evidence,
  whole: Schema.optionalKey(Schema.Literal(true)),
})
export type OpenRefusal = typeof OpenRefusal.Type

/** Nobody can say yet whether the bank has the transfer. It is asked at `inquireAt`, never guessed. */
export const TransferUnknown = Schema.TaggedStruct("TransferUnknown", {
  ...transfer,
  reason: OutsideText,
  inquireAt: Instant,
  /** Present where the reason is a refusal that may be meant for something else. */
  refusal: Schema.optionalKey(OpenRefusal),
})

export const TransferSettled = Schema.TaggedStruct("TransferSettled", { ...transfer, evidence: Evidence })

export const TransferFailed = Schema.TaggedStruct("TransferFailed", {
  ...transfer,
  evidence: Evidence,
  /** The bank's own code, as it was given, with all its reasons if there are more, and what it meant when it came. */
  code: OutsideText,
  detail: Schema.optionalKey(OutsideText),
  category: FailureCategory,
  retryable: Schema.Boolean,
  /** Whether another bank may pay it; absent in logs from before payouts were rerouted. */
  reroutable: Schema.optionalKey(Schema.Boolean),
})

/** A settled transfer came back, perhaps days after the batch was closed. */
export const TransferReturned = Schema.TaggedStruct("TransferReturned", {
  ...transfer,
  evidence: Evidence,
  code: OutsideText,
  detail: Schema.optionalKey(OutsideText),
})

/** Why an order is to be taken back before it goes out. */
export const WithdrawalCause = Schema.Literals(["cancellation", "clearance", "dispute", "resolution"])
export type WithdrawalCause = typeof WithdrawalCause.Type

/**
 * The intent to take back orders that may still lie with us, recorded before it is tried. Until the answer is here nobody
 * knows whether they go out: it is no cancellation, and no resolution, yet.
 */
export const WithdrawalsRequested = Schema.TaggedStruct("WithdrawalsRequested", {
  at: Instant,
  transfers: Schema.NonEmptyArray(Schema.Struct({ item: ItemNumber, attempt: AttemptNumber })),
  cause: WithdrawalCause,
  by: Actor,
  credential,
  reason: OutsideText,
  /** What a person says became of it, where that is the cause: it counts only if the order cannot go out any more. */
  outcome: Schema.optionalKey(ResolvedOutcome),
  evidence: Schema.optionalKey(ResolutionEvidence),
  proposedBy: credential,
})

/** The attempt was taken back before it went out, and never will: it has failed, and only a person has it tried again. */
export const TransferWithdrawn = Schema.TaggedStruct("TransferWithdrawn", {
  ...transfer,
  /** Absent where it was withdrawn for a reason that this log does not know. */
  cause: Schema.optionalKey(WithdrawalCause),
})

/** The order cannot be taken back: the bank may have it, or will. */
export const WithdrawalRefused = Schema.TaggedStruct("WithdrawalRefused", {
  ...transfer,
  /** It is about to go out, and surely will. Absent where it may have gone. */
  goingOut: Schema.optionalKey(Schema.Literal(true)),
})

/** The schedule of inquiries is exhausted, or the bank's code is not mapped: a person decides. */
export const TransferParked = Schema.TaggedStruct("TransferParked", {
  ...transfer,
  reason: OutsideText,
  /** Present where the reason is a refusal that came when a person had it already. */
  refusal: Schema.optionalKey(OpenRefusal),
})

/**
 * The bank said of a finished attempt what contradicts the log: an alarm. `repost` books what was paid after all;
 * `review` leaves the item to a person.
 */
export const LateOutcomeDetected = Schema.TaggedStruct("LateOutcomeDetected", {
  ...transfer,
  recorded: TransferFinal,
  /** Accepted: the bank has what it had refused. */
  reported: Schema.Literals(["accepted", ...TransferFinal.literals]),
  evidence: Evidence,
  compensation: Schema.Literals(["repost", "review"]),
})

/** One operator said how an attempt of a parked item ended. It counts once another one says the same before it expires. */
export const ResolutionProposed = Schema.TaggedStruct("ResolutionProposed", {
  ...transfer,
  outcome: ResolvedOutcome,
  by: Actor,
  credential: Credential,
  reason: OutsideText,
  evidence: ResolutionEvidence,
  expiresAt: Instant,
})

/** A person said, with evidence, how an attempt of a parked item ended. */
export const ParkedResolved = Schema.TaggedStruct("ParkedResolved", {
  ...transfer,
  outcome: ResolvedOutcome,
  by: Actor,
  credential,
  reason: OutsideText,
  /** Absent in logs from before evidence was asked for. */
  evidence: Schema.optionalKey(ResolutionEvidence),
  /** Who said the same before, where two were needed. */
  proposedBy: credential,
})

/** A failed item is to be paid again: a new attempt, with a new key, after the one that failed. */
export const RetryRequested = Schema.TaggedStruct("RetryRequested", {
  at: Instant,
  item: ItemNumber,
  attempt: Schema.optionalKey(AttemptNumber),
  by: Actor,
  credential,
})

/** A bank refused what another one may pay: the item goes to the next bank of its rule, as a new attempt with a new key. */
export const RerouteRequested = Schema.TaggedStruct("RerouteRequested", { at: Instant, item: ItemNumber })

/** No rule of a version leads these items to a bank: a person mends the rules, then retries or cancels them. */
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
  ExecutionStarted,
  ItemsCancelled,
  CancellationRefused,
  PostingRequested,
  PostingBooked,
  PostingRefused,
  FundsArrived,
  TransfersRequested,
  TransferResent,
  TransferAccepted,
  TransferUnknown,
  TransferSettled,
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

/** Items in one {@link ItemsReceived} event: keeps an entry of the log near 150 KiB. */
export const ITEMS_PER_EVENT_MAX = 500

/** An event with its place in the batch's log. Versions are gapless from 1. */
export interface RecordedEvent {
  readonly version: number
  readonly event: BatchEvent
}
