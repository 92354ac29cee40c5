/** The port to the record of banks' files: which were processed, and the oddities in them. */
import { Context, type Effect } from "effect"
import type { SentFile } from "../../booked-orders.ts"
import type { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"

/** Part of a bank's file that has no effect on payments. */
export interface Oddity {
  readonly reference: string
  readonly reason:
    | "unknown-reference"
    | "unknown-file"
    | "unknown-payment"
    | "other-file"
    | "unclear-status"
    | "refused-whole"
    | "amount-differs"
    | "no-such-batch"
    | "unreadable-entry"
    | "unclear-batch"
    | "conflicting-ids"
    | "reused-id"
    | "contradictory"
    | "correction"
  /** Where in the file it is and why it has no effect, without a quote of the file. */
  readonly detail?: string
}

/** What a bank said of an order beside its state: a reason, a charge, a rate. Cleaned. */
export interface Remark {
  readonly reference: string
  readonly kind: "reason" | "charge" | "rate"
  readonly remark: string
}

/** The bank's own id of an order. */
export interface ServicerReference {
  readonly servicer: string
  readonly reference: string
}

/** The same of an order in a file. */
export interface LearnedReference extends ServicerReference {
  readonly sent: SentFile
}

/** What is kept of a file beside the reports on orders. */
export interface FileNotes {
  readonly oddities: ReadonlyArray<Oddity>
  readonly remarks: ReadonlyArray<Remark>
  readonly servicerReferences: ReadonlyArray<ServicerReference>
}

export interface InboxFile {
  readonly bank: string
  readonly name: string
  /** SHA-256 of its content, in hex: files with the same content are the same file, whatever their names. */
  readonly digest: string
}

export class InboxFiles extends Context.Service<
  InboxFiles,
  {
    readonly isRead: (file: InboxFile) => Effect.Effect<boolean, BankFilesUnavailable>
    /** Our references that files of the bank named beside these ids of its own, of orders that are in a file. */
    readonly learned: (
      bank: string,
      servicers: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<LearnedReference>, BankFilesUnavailable>
    /** Records that a file was processed, with what is kept of it; false if another process already did. */
    readonly finish: (file: InboxFile, notes: FileNotes) => Effect.Effect<boolean, BankFilesUnavailable>
  }
>()("atlaspay/providers/InboxFiles") {}
