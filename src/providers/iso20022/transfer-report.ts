/** A bank's reports on transfers, from one of its files. */

import type { StatedAmounts } from "../booked-amount.ts"
import type { Amount } from "./element.ts"

export type ReportedStatus = (
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  /** Refused; `whole` if the transfer is only listed in a payment or file that was refused, and has no reason of its own. */
  | { readonly _tag: "Failed"; readonly code: string; readonly whole?: true }
  | { readonly _tag: "Returned"; readonly code: string }
  /** The payment stands, and its details have to be corrected before the next one: the reasons say what. */
  | { readonly _tag: "Corrected" }
  /** A status without an agreed meaning, or a refusal as a duplicate. */
  | { readonly _tag: "Unclear" }
) & {
  /** What the bank gives as reasons, each with its code and text, cleaned. */
  readonly reasons?: ReadonlyArray<string>
}

/** The ids under which a file names a transfer. Placeholders such as NOTPROVIDED are no ids. */
export interface TransferIds {
  /**
   * The first of its own ids: the end-to-end id, the instruction's, the transaction's, the individual identification number of Nacha;
   * empty if it has none of them.
   */
  readonly reference: string
  /** Its further own ids. */
  readonly otherReferences?: ReadonlyArray<string>
  /** Its UETR, in lower case: the id that no other transfer of anybody has. */
  readonly uetr?: string
  /** The bank's id of it (AcctSvcrRef). */
  readonly servicerReference?: string
  /** Its trace number in the file of Nacha that it was ordered in: 15 digits. */
  readonly trace?: string
  /** The ids of the payment and the message that it was ordered in. */
  readonly fileIds?: ReadonlyArray<string>
}

/**
 * What an entry says beside the bank's own id, if that alone names its transfer. A bank may use such an id again, so this has to
 * agree with the order that had it. Of what came back it is the account, whatever names the transfer.
 */
export interface ServicerEvidence {
  /** The day on which it was booked. */
  readonly bookedOn?: string
  /** The IBAN of the account on which it was booked. */
  readonly iban?: string
  /** The id of the payment that it was ordered in, which the initiating party gives. */
  readonly paymentId?: string
  /** Another entry beside it has the same id, amount and direction. */
  readonly isRepeated?: true
}

export interface TransferReport extends TransferIds {
  /** Present if no more than the bank's own id names the transfer, or it came back, and the file says anything of this. */
  readonly evidence?: ServicerEvidence
  readonly status: ReportedStatus
  /** The transfer's amount according to the bank, if the file names it. */
  readonly amount?: Amount
  /** What else the file says of its amount: what was instructed, charges, a rate. */
  readonly amounts?: StatedAmounts
}

/** One booking of several transfers, which the file does not give the amounts of. */
export interface BatchReport {
  /** The ids of the payment and the message that they were ordered in. */
  readonly fileIds: ReadonlyArray<string>
  /** Those that it names, each with its own status if it has a reason of its own. */
  readonly members: ReadonlyArray<
    TransferIds & { readonly status?: ReportedStatus; readonly evidence?: ServicerEvidence }
  >
  /** How many they are, if the file says it. */
  readonly count?: number
  /** Their sum. */
  readonly amount: Amount
  readonly status: ReportedStatus
}

/** A part of a file that cannot be read. */
export interface UnreadPart {
  /** The part, counted from 1, such as "Stmt 1 Ntry 3". */
  readonly place: string
  /** The element and the problem there, without a quote of the file. */
  readonly problem: string
  /** Our references in it. */
  readonly references: ReadonlyArray<string>
  /** The UETRs in it, in lower case, which may be those of our transfers. */
  readonly uetrs?: ReadonlyArray<string>
}

/**
 * Whether ids have one that is the transfer's own, wherever it was made: the bank's id and those of files do not count if such
 * an id says whose transfer it is.
 */
export const hasOwnId = ({ reference, uetr }: Pick<TransferIds, "reference" | "uetr">): boolean =>
  reference !== "" || uetr !== undefined
