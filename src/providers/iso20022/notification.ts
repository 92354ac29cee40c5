/**
 * camt.054: single movements on our account. A booked debit settles a transfer; a booked credit that reverses it returns it.
 */
import { UNSPECIFIED } from "../../domain/failure-codes.ts"
import { type Movement, movementsIn } from "./account-entry.ts"
import { all, one } from "./element.ts"
import type { ReportedStatus, TransferReport } from "./transfer-report.ts"
import type { Element } from "./xml-reader.ts"

export interface Notification {
  readonly _tag: "Notification"
  readonly named: ReadonlyArray<TransferReport>
}

/** Reads a camt.054. */
export const notificationIn = (document: Element): Notification => ({
  _tag: "Notification",
  named: all(one(document, "BkToCstmrDbtCdtNtfctn"), "Ntfctn").flatMap(transferReportsIn),
})

/** The reports on transfers in the entries of a notification or a statement. */
export const transferReportsIn = (account: Element): ReadonlyArray<TransferReport> =>
  all(account, "Ntry").flatMap(movementsIn).flatMap(reportsOf)

/** A movement without a reference is none of our transfers. */
const reportsOf = (movement: Movement): ReadonlyArray<TransferReport> => {
  const { reference, currency, minor } = movement
  return reference === undefined
    ? []
    : [{ reference, status: statusOf(movement), amount: { currency, minor } }]
}

const statusOf = ({ kind, isReversal, reason = UNSPECIFIED }: Movement): ReportedStatus => {
  if (kind === "debit") return isReversal ? { _tag: "Unclear" } : { _tag: "Settled" }
  return isReversal ? { _tag: "Returned", code: reason } : { _tag: "Unclear" }
}
