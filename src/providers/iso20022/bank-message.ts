/** Any file that a bank sends about our orders and our account. */
import type { Result } from "effect"
import { messageIn } from "./message-kind.ts"
import { type AccountReports, accountReportsIn, type Notification } from "./notification.ts"
import { type StatusReport, statusReportIn } from "./status-report.ts"
import type { UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml } from "./xml-reader.ts"

export type BankMessage =
  | StatusReport
  | Notification
  /** All movements on the account in a day (camt.053) or so far (camt.052), our transfers and others. */
  | ({ readonly _tag: "Statement" } & AccountReports)

export const readBankMessage = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> =>
  readXml(file, bankMessageIn)

const bankMessageIn = (root: Element): BankMessage => {
  const { kind, document } = messageIn(root)
  switch (kind) {
    case "pain.002":
      return statusReportIn(document)
    case "camt.054":
      return { _tag: "Notification", ...accountReportsIn(document, ["BkToCstmrDbtCdtNtfctn", "Ntfctn"]) }
    case "camt.053":
      return { _tag: "Statement", ...accountReportsIn(document, ["BkToCstmrStmt", "Stmt"]) }
    case "camt.052":
      return { _tag: "Statement", ...accountReportsIn(document, ["BkToCstmrAcctRpt", "Rpt"]) }
  }
}
