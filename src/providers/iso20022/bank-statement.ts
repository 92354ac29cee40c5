/** camt.053: the movements that the bank booked on our account on a day. */
import type { Result } from "effect"
import type { StatementEntry } from "../books.ts"
import { type Movement, movementsIn } from "./account-entry.ts"
import { all, maybe, maybeDay, maybeText, one, text } from "./element.ts"
import { kindOf } from "./message-kind.ts"
import type { UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml, unreadable } from "./xml-reader.ts"

export interface BankStatement {
  /** The account's IBAN, or its number. */
  readonly account: string
  readonly currency: string
  /** The last day that it covers. */
  readonly day: string
  /** Each with its end-to-end reference; empty for an entry without one. */
  readonly entries: ReadonlyArray<Omit<StatementEntry, "bank">>
}

/** Reads a camt.053 with one statement. Fails for any other file. */
export const readBankStatement = (xml: Uint8Array | string): Result.Result<BankStatement, UnreadableFile> =>
  readXml(xml, (document) =>
    kindOf(document) === "camt.053"
      ? statementOf(statementIn(document))
      : unreadable("Document", "not a camt.053"),
  )

/** Reads a camt.053 with one statement; `undefined` for another message of a bank. */
export const readStatementAmongOthers = (
  xml: Uint8Array | string,
): Result.Result<BankStatement | undefined, UnreadableFile> =>
  readXml(xml, (document) =>
    kindOf(document) === "camt.053" ? statementOf(statementIn(document)) : undefined,
  )

/** The one statement of a camt.053. */
export const statementIn = (document: Element): Element => one(document, "BkToCstmrStmt", "Stmt")

const statementOf = (statement: Element): BankStatement => {
  const entries = all(statement, "Ntry").flatMap(movementsIn).map(entryOf)
  return {
    account: maybeText(statement, "Acct", "Id", "IBAN") ?? text(statement, "Acct", "Id", "Othr", "Id"),
    currency: maybeText(statement, "Acct", "Ccy") ?? currencyOfBalance(statement),
    day: dayOf(statement),
    entries,
  }
}

const entryOf = ({
  reference = "",
  currency,
  minor,
  kind,
  bookedOn,
}: Movement): BankStatement["entries"][number] => ({
  reference,
  currency,
  minor,
  kind,
  bookedOn,
})

/** Every statement has a balance, and each balance names its currency. */
const currencyOfBalance = (statement: Element): string => {
  const [balance] = all(statement, "Bal")
  return (balance && maybe(balance, "Amt")?.attributes.Ccy) ?? unreadable("Stmt/Acct/Ccy", "missing")
}

/** The end of its period, or the day that it was made. */
const dayOf = (statement: Element): string =>
  maybeDay(statement, "FrToDt", "ToDtTm") ??
  maybeDay(statement, "FrToDt", "ToDt") ??
  maybeDay(statement, "CreDtTm") ??
  unreadable("Stmt/FrToDt", "missing")
