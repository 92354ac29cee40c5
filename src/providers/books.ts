/** What the others' books say: the ports to what banks and the ledger keep of their own, for reconciliation. */
import { type Effect, Schema } from "effect"
import type { Day } from "../domain/business-days.ts"
import type { PostingKind } from "../domain/events.ts"

/** A line of a bank's statement: money that left (`debit`) or came back (`credit`). */
export interface StatementEntry {
  readonly bank: string
  readonly reference: string
  readonly currency: string
  readonly minor: bigint
  readonly kind: "debit" | "credit"
  readonly bookedOn: Day
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

/** A source that cannot be read to its end. It is never taken for one that has nothing to say. */
export class SourceUnreadable extends Schema.TaggedError<SourceUnreadable>()("SourceUnreadable", {
  source: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.source} cannot be read: ${this.reason}`
  }
}

/** Somebody's books, read a page at a time; each record is visited once. */
export type Source<Record> = (visit: (record: Record) => void) => Effect.Effect<void, SourceUnreadable>

/** Records of one kind that are kept in memory: some 300 MB of them. */
export const RECORDS_MAX = 1_000_000
