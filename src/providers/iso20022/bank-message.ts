/** Any file that a bank sends about our orders and our account. */
import { Result } from "effect"
import { isNacha } from "../nacha/nacha-records.ts"
import { type ReturnFile, returnFileIn } from "../nacha/nacha-returns.ts"
import { messageIn } from "./message-kind.ts"
import { type AccountReports, accountReportsIn, type Notification } from "./notification.ts"
import { type StatusReport, statusReportIn } from "./status-report.ts"
import { UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml } from "./xml-reader.ts"

export type BankMessage =
  | StatusReport
  | Notification
  | ReturnFile
  /** All movements on the account in a day (camt.053) or so far (camt.052), our transfers and others. */
  | ({ readonly _tag: "Statement" } & AccountReports)

export const readBankMessage = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> =>
  isNacha(file) ? readNacha(file) : readXml(file, bankMessageIn)

const readNacha = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> => {
  try {
    return Result.succeed(returnFileIn(file))
  } catch (error) {
    if (error instanceof UnreadableFile) return Result.fail(error)
    throw error
  }
}

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
