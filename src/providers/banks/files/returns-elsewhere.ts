/**
 * Money that came in on another account than the one that pays is no return of an order, whatever ids it has: the account may be
 * the payee's, who passed the payment on under its ids and got it back. It is unclear, as it is in the reconciliation.
 */
import { isOtherIban } from "../../iso20022/account-number.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import type { BatchReport, ReportedStatus, ServicerEvidence } from "../../iso20022/transfer-report.ts"

/** The same message with such returns as unclear ones. `iban` is the account that the bank pays from, if it is known. */
export const withoutReturnsElsewhere = (message: BankMessage, iban: string | undefined): BankMessage => {
  if (message._tag === "StatusReport" || message._tag === "ReturnFile" || iban === undefined) return message
  const { named, batches, ...rest } = message
  const clear = <Report extends Booked>(report: Report): Report =>
    isElsewhere(report, iban) ? { ...report, status: unclear } : report
  return {
    ...rest,
    named: named.map(clear),
    ...(batches === undefined ? {} : { batches: batches.map((batch) => clearedBatch(batch, iban)) }),
  }
}

interface Booked {
  readonly status: ReportedStatus
  readonly evidence?: ServicerEvidence
}

const unclear: ReportedStatus = { _tag: "Unclear" }

const isElsewhere = ({ status, evidence }: Booked, iban: string): boolean =>
  status._tag === "Returned" && isOtherIban(iban, evidence?.iban)

const clearedBatch = (batch: BatchReport, iban: string): BatchReport => ({
  ...batch,
  members: batch.members.map((member) =>
    isElsewhere({ status: batch.status, ...member }, iban) ? { ...member, status: unclear } : member,
  ),
})
