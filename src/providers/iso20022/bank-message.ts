/** Any file that a bank sends about our orders and our account. */
import type { Result } from "effect"
import { isNacha } from "../nacha/nacha-records.ts"
import { type ReturnFile, returnFileIn } from "../nacha/nacha-returns.ts"
import { mtAccountsIn } from "../swift-mt/mt-accounts.ts"
import { isMt } from "../swift-mt/mt-text.ts"
import { messageIn } from "./message-kind.ts"
import {
  type AccountReports,
  accountReportsIn,
  type Notification,
  reportsOfAccounts,
} from "./notification.ts"
import { type StatusReport, statusReportIn } from "./status-report.ts"
import { readable, type UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml } from "./xml-reader.ts"

export type BankMessage =
  | StatusReport
  | Notification
  | ReturnFile
  /** All movements on the account in a day (camt.053, MT940) or so far (camt.052, MT942), our transfers and others. */
  | ({ readonly _tag: "Statement" } & AccountReports)

export const readBankMessage = (file: Uint8Array): Result.Result<BankMessage, UnreadableFile> =>
  isNacha(file)
    ? readable(() => returnFileIn(file))
    : isMt(file)
      ? readable(() => mtMessageIn(file))
      : readXml(file, bankMessageIn)

/** Statements in SWIFT's form say what camt.053 and camt.052 say. A statement that cannot be read is a part of the file. */
const mtMessageIn = (file: Uint8Array): BankMessage => ({
  _tag: "Statement",
  ...reportsOfAccounts(
    mtAccountsIn(file).map((account) =>
      "_tag" in account
        ? { entries: [account], iban: undefined }
        : { entries: account.parts, iban: account.iban },
    ),
  ),
})

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
