/** The port to the record of what banks sent: each file once, and what in it was odd. */
import { Context, type Effect } from "effect"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"

/** What a bank told and nobody could act on. */
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
  /** SHA-256 of its content, in hex: the same content is the same file, whatever its name. */
  readonly digest: string
}

export class InboxFiles extends Context.Service<
  InboxFiles,
  {
    readonly isRead: (file: InboxFile) => Effect.Effect<boolean, BankFilesUnavailable>
    /** Writes down that all of a file was taken in, with what was odd; false when somebody else did. */
    readonly finish: (
      file: InboxFile,
      oddities: ReadonlyArray<Oddity>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
  }
>()("atlaspay/providers/InboxFiles") {}
