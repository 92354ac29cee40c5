/** Any file that a bank sends about our orders and our account. */
import type { Result } from "effect"
import { statementIn } from "./bank-statement.ts"
import { kindOf } from "./message-kind.ts"
import { type Notification, notificationIn, transferReportsIn } from "./notification.ts"
import { type StatusReport, statusReportIn } from "./status-report.ts"
import type { TransferReport } from "./transfer-report.ts"
import type { UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml } from "./xml-reader.ts"

export type BankMessage =
  | StatusReport
  | Notification
  /** All movements that were booked on the account in a day, our transfers and others. */
  | { readonly _tag: "Statement"; readonly named: ReadonlyArray<TransferReport> }

export const readBankMessage = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> =>
  readXml(file, messageIn)

const messageIn = (document: Element): BankMessage => {
  switch (kindOf(document)) {
    case "pain.002":
      return statusReportIn(document)
    case "camt.054":
      return notificationIn(document)
    case "camt.053":
      return { _tag: "Statement", named: transferReportsIn(statementIn(document)) }
  }
}
