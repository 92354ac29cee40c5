/** Any file that a bank sends about our orders and our account. */
import type { Result } from "effect"
import { type BankStatement, statementIn } from "./bank-statement.ts"
import { kindOf } from "./message-kind.ts"
import { type Notification, notificationIn } from "./notification.ts"
import { type StatusReport, statusReportIn } from "./status-report.ts"
import type { UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml } from "./xml-reader.ts"

export type BankMessage =
  | StatusReport
  | Notification
  | { readonly _tag: "Statement"; readonly statement: BankStatement }

export const readBankMessage = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> =>
  readXml(file, messageIn)

const messageIn = (document: Element): BankMessage => {
  switch (kindOf(document)) {
    case "pain.002":
      return statusReportIn(document)
    case "camt.054":
      return notificationIn(document)
    case "camt.053":
      return { _tag: "Statement", statement: statementIn(document) }
  }
}
