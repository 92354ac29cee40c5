/** A bank's report on one transfer, from one of its files. */
import type { Amount } from "./element.ts"

export type ReportedStatus =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  /** Refused; `whole` if the transfer is only listed in a payment or file that was refused, and has no reason of its own. */
  | { readonly _tag: "Failed"; readonly code: string; readonly whole?: true }
  | { readonly _tag: "Returned"; readonly code: string }
  /** A status without an agreed meaning, or a refusal as a duplicate. */
  | { readonly _tag: "Unclear" }

export interface TransferReport {
  /** The end-to-end reference. */
  readonly reference: string
  readonly status: ReportedStatus
  /** The transfer's amount according to the bank, if the file names it. */
  readonly amount?: Amount
}
