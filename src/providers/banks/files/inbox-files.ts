/** The port to the record of banks' files: which were processed, and the oddities in them. */
import { Context, type Effect } from "effect"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"

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
    /** Records that a file was processed, with its oddities; false if another process already did. */
    readonly finish: (
      file: InboxFile,
      oddities: ReadonlyArray<Oddity>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
  }
>()("atlaspay/providers/InboxFiles") {}
