/**
 * Whether an entry that the bank's own id alone names may be about another payment than the order that had this id: a bank may
 * use its ids again, after a day or a year, for another account, or for a payment and what belongs to it. Then nothing says which
 * order it is about, even if the amount is the same, so it has no effect. The beneficiary's account is no evidence: it is erased
 * once the order is sent.
 */
import { isOfAnotherTime, type SentFile } from "../../booked-orders.ts"
import { isOtherIban } from "../../iso20022/account-number.ts"
import type { TransferReport } from "../../iso20022/transfer-report.ts"

/** `iban` is the account that the bank pays from, if it is known; `isFileId` says of an id whether it may be of a file of ours. */
export const mayBeAnother = (
  {
    evidence = {},
    status,
    fileIds = [],
  }: Pick<TransferReport, "evidence" | "fileIds"> & Partial<TransferReport>,
  sent: SentFile,
  iban: string | undefined,
  isFileId: (id: string) => boolean,
): boolean => {
  const { bookedOn, paymentId, isRepeated } = evidence
  const kind = status?._tag === "Returned" ? "credit" : "debit"
  return (
    isRepeated === true ||
    isOtherIban(iban, evidence.iban) ||
    (bookedOn !== undefined && isOfAnotherTime(sent, bookedOn, kind)) ||
    [paymentId, ...fileIds.filter(isFileId)].some((id) => id !== undefined && id !== sent.messageId)
  )
}
