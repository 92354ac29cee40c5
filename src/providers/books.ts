/** The ports to the books of banks and the ledger, which the reconciliation compares with the logs. */
import { type Effect, Schema } from "effect"
import type { Day } from "../domain/business-days.ts"
import type { PostingKind } from "../domain/events.ts"
import type { StatedAmounts } from "./booked-amount.ts"

/** A line of a bank's statement: money that left (`debit`) or came back (`credit`). */
export interface StatementEntry {
  readonly bank: string
  readonly reference: string
  readonly currency: string
  readonly minor: bigint
  readonly kind: "debit" | "credit"
  readonly bookedOn: Day
  /** What else the bank says of its amount: what was instructed, charges, a rate. */
  readonly amounts?: StatedAmounts
  /** What else it names orders by, if not by one reference of ours alone. */
  readonly booking?: EntryBooking
  /** Why it counts for no order although it has ids of ours. */
  readonly unclear?: UnclearEntry
}

/** An entry with ids of ours that cannot be counted for any order. */
export interface UnclearEntry {
  /** The ids that it names ours by. */
  readonly about: string
  /** What would have been clear, for a person to read. */
  readonly expected: string
}

/** The ids in an entry that may be those of our orders. */
export interface EntryBooking {
  /** The ids of the transfer itself, if they are more or others than one reference of ours: our references, and its UETR. */
  readonly ids?: ReadonlyArray<string>
  /** The same of each of the transfers that were booked in one sum; present for every such sum. */
  readonly members?: ReadonlyArray<ReadonlyArray<string>>
  /** The bank's own id. */
  readonly servicerReference?: string
  /** Another entry of its statement has the same id of the bank, amount and direction. */
  readonly isRepeated?: true
  /** The id of the payment that it was ordered in, which is also one of `fileIds`. */
  readonly paymentId?: string
  /** The payment and the message that they were ordered in. */
  readonly fileIds?: ReadonlyArray<string>
  /** It is on another account than the one that pays. */
  readonly isElsewhere?: true
  /** How many were booked, if the bank says it. */
  readonly count?: number
}

/** A line of a posting in the ledger's books. */
export interface LedgerLine {
  readonly postingId: string
  readonly kind: PostingKind
  readonly partner: string
  readonly batch: string
  readonly item: number
  readonly currency: string
  readonly minor: bigint
  readonly bookedOn: Day
}

/** A source that cannot be read to its end. It never counts as an empty one. */
export class SourceUnreadable extends Schema.TaggedError<SourceUnreadable>()("SourceUnreadable", {
  source: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.source} cannot be read: ${this.reason}`
  }
}

/** A part of a source that cannot be used. The rest of the source counts. */
export interface UnusedPart {
  /** The name of the bank, or of the ledger. */
  readonly bank: string
  /** The file or the books, and the part of it. */
  readonly place: string
  /** Why, without a quote of the source. */
  readonly problem: string
}

/**
 * Another party's books, read a page at a time. Calls `visit` once for each record, and `unused` for each part that cannot be
 * used.
 */
export type Source<Record> = (
  visit: (record: Record) => void,
  unused?: (part: UnusedPart) => void,
) => Effect.Effect<void, SourceUnreadable>

/** The most records of one kind that are kept in memory: some 300 MB. */
export const RECORDS_MAX = 1_000_000
