/**
 * What a batch can be asked to do. Time, ids and other parties' answers arrive inside the command: `decide` invents
 * nothing. `at` is milliseconds since the Unix epoch.
 */
import { Schema } from "effect"
import { ClearanceDecision, Evidence, Instant, PayoutItem, PostingKind } from "./events.ts"
import { AttemptNumber, ItemNumber, PartnerId } from "./identifiers.ts"

/** What is known of a transfer after a call, a callback or an inquiry. */
export const TransferOutcome = Schema.Union([
  /** The bank took it and will say later how it ended; it is asked at `inquireAt` if it does not. */
  Schema.TaggedStruct("Accepted", { transferId: Schema.String, inquireAt: Instant }),
  Schema.TaggedStruct("Settled", { evidence: Evidence }),
  Schema.TaggedStruct("Failed", { evidence: Evidence, code: Schema.String }),
  Schema.TaggedStruct("Returned", { evidence: Evidence, code: Schema.String }),
  /** No answer, or none that can be trusted: the bank is asked at `inquireAt`. */
  Schema.TaggedStruct("Unknown", { reason: Schema.String, inquireAt: Instant }),
  /** The bank's definitive word that it has no such transfer. */
  Schema.TaggedStruct("NeverSeen", {}),
  /** The schedule of inquiries is exhausted. */
  Schema.TaggedStruct("Unresolved", { reason: Schema.String }),
])
export type TransferOutcome = typeof TransferOutcome.Type

export const ReceiveBatch = Schema.TaggedStruct("ReceiveBatch", {
  at: Instant,
  partner: PartnerId,
  idempotencyKey: Schema.String,
  requestDigest: Schema.String,
  reference: Schema.optionalKey(Schema.String),
  items: Schema.NonEmptyArray(PayoutItem),
})
export type ReceiveBatch = typeof ReceiveBatch.Type

export const RecordScreening = Schema.TaggedStruct("RecordScreening", {
  at: Instant,
  clearanceId: Schema.String,
  listVersion: Schema.String,
  decisions: Schema.Array(ClearanceDecision),
})

export const RequestPosting = Schema.TaggedStruct("RequestPosting", {
  at: Instant,
  kind: PostingKind,
  items: Schema.NonEmptyArray(ItemNumber),
})

export const RecordPosting = Schema.TaggedStruct("RecordPosting", {
  at: Instant,
  posting: Schema.Int,
  ledgerPostingId: Schema.String,
})

export const RequestTransfers = Schema.TaggedStruct("RequestTransfers", {
  at: Instant,
  transfers: Schema.NonEmptyArray(
    Schema.Struct({ item: ItemNumber, bank: Schema.String, reference: Schema.String }),
  ),
})

export const RecordTransfer = Schema.TaggedStruct("RecordTransfer", {
  at: Instant,
  item: ItemNumber,
  attempt: AttemptNumber,
  outcome: TransferOutcome,
})
export type RecordTransfer = typeof RecordTransfer.Type

/** A worker found transfers in the air that it did not send itself: nobody knows what became of them. */
export const TakeOver = Schema.TaggedStruct("TakeOver", { at: Instant })

export const CloseBatch = Schema.TaggedStruct("CloseBatch", { at: Instant })

export const BatchCommand = Schema.Union([
  ReceiveBatch,
  RecordScreening,
  RequestPosting,
  RecordPosting,
  RequestTransfers,
  RecordTransfer,
  TakeOver,
  CloseBatch,
])
export type BatchCommand = typeof BatchCommand.Type

/** The commands that come from outside and wait in a mailbox; all others are the worker's own. */
export const MailCommand = RecordTransfer
export type MailCommand = typeof MailCommand.Type
