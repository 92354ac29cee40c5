/** camt.053 and MT940: the movements that the bank booked on our accounts, statement by statement. */
import type { Result } from "effect"
import { parseTransferReference } from "../../domain/identifiers.ts"
import { uetrOf } from "../../domain/uetr.ts"
import type { StatementEntry } from "../books.ts"
import { isIndividualId } from "../nacha/individual-id.ts"
import { isNacha } from "../nacha/nacha-records.ts"
import { mtAccountsIn } from "../swift-mt/mt-accounts.ts"
import { isMt } from "../swift-mt/mt-text.ts"
import type { EntryPart, Movement } from "./account-entry.ts"
import { type Amount, all, maybe, maybeDay, maybeText, one, text } from "./element.ts"
import { messageIn } from "./message-kind.ts"
import { entryPartsIn, keyOf, repeatedIn } from "./notification.ts"
import type { TransferIds, UnreadPart } from "./transfer-report.ts"
import { orUnread, requireReadable } from "./unread-part.ts"
import { readable, type UnreadableFile } from "./unreadable-file.ts"
import { type Element, readXml, unreadable } from "./xml-reader.ts"

/** The statements in one file, and what of it cannot be read. */
export interface StatementFile {
  readonly statements: ReadonlyArray<BankStatement>
  readonly unread: ReadonlyArray<UnreadPart>
}

export interface BankStatement {
  /** The bank's id of it. */
  readonly id: string | undefined
  /**
   * Its sequence and page numbers and its balances, as the bank writes them: some banks give all statements, or all pages of one,
   * the same id.
   */
  readonly particulars?: ReadonlyArray<string | undefined>
  /** The account's IBAN, or its number. */
  readonly account: string | undefined
  readonly currency: string | undefined
  /** It is an MT940, which counts where there is no camt.053 of the same account and day. */
  readonly isSecondary?: true
  /** The last day that it covers. */
  readonly day: string
  /** Each with its own reference; empty for an entry without one. */
  readonly entries: ReadonlyArray<Omit<StatementEntry, "bank">>
  /** Its entries that cannot be read. */
  readonly unread: ReadonlyArray<UnreadPart>
}

/** Reads the statements of a camt.053 or an MT940. Fails for any other file. */
export const readBankStatement = (file: Uint8Array | string): Result.Result<StatementFile, UnreadableFile> =>
  readOf(file, () => unreadable("the file", "not a statement, camt.053 or MT940"))

/** Reads the statements of a camt.053 or an MT940; `undefined` for another message of a bank. */
export const readStatementAmongOthers = (
  file: Uint8Array | string,
): Result.Result<StatementFile | undefined, UnreadableFile> => readOf(file, () => undefined)

const readOf = <A>(
  file: Uint8Array | string,
  ofOther: () => A,
): Result.Result<StatementFile | A, UnreadableFile> => {
  if (typeof file !== "string" && isNacha(file)) return readable(ofOther)
  if (typeof file !== "string" && isMt(file)) return readable(() => mtStatementFile(file) ?? ofOther())
  return readXml(file, (root) => {
    const { kind, document } = messageIn(root)
    return kind === "camt.053" ? statementsIn(document) : ofOther()
  })
}

const statementsIn = (document: Element): StatementFile => {
  const content = one(document, "BkToCstmrStmt")
  const elements = all(content, "Stmt")
  if (elements.length === 0) return unreadable("BkToCstmrStmt/Stmt", "missing")
  const madeOn = () => maybeDay(content, "GrpHdr", "CreDtTm")
  const read = elements.map((element, index) => {
    const place = `Stmt ${index + 1}`
    return orUnread(place, element, () => statementOf(element, place, madeOn))
  })
  const statements = read.flatMap((part) => ("_tag" in part ? [] : [part]))
  const unread = read.flatMap((part) => ("_tag" in part ? [part.unread] : []))
  requireReadable(statements.length, unread)
  return { statements, unread }
}

const statementOf = (statement: Element, place: string, madeOn: () => string | undefined): BankStatement => {
  const parts = entryPartsIn(statement, place)
  return {
    id: maybeText(statement, "Id"),
    ...particularsOf(statement),
    account: maybeText(statement, "Acct", "Id", "IBAN") ?? maybeText(statement, "Acct", "Id", "Othr", "Id"),
    currency: maybeText(statement, "Acct", "Ccy") ?? currencyOfBalance(statement),
    ...bookedOn(dayOf(statement, parts, madeOn) ?? unreadable("Stmt/FrToDt", "missing"), parts),
  }
}

/** What a statement has of its entries: those that can be read, and the others. */
const bookedOn = (day: string, parts: ReadonlyArray<EntryPart>) => {
  const repeated = repeatedIn(parts.flatMap((part) => (part._tag === "Movement" ? [part.movement] : [])))
  return {
    day,
    entries: parts.flatMap((part) => entriesOf(part, day, repeated)),
    unread: parts.flatMap((part) => (part._tag === "Unread" ? [part.unread] : [])),
  }
}

/** The statements (MT940) of a file in SWIFT's form; `undefined` if it has only reports within a day (MT942). */
const mtStatementFile = (file: Uint8Array): StatementFile | undefined => {
  const read = mtAccountsIn(file)
  const found = read.flatMap((part) => ("_tag" in part || part.kind !== "MT940" ? [] : [part]))
  const unread = read.flatMap((part) => ("_tag" in part ? [part.unread] : []))
  requireReadable(read.length - unread.length, unread)
  const statements = found.map(({ id, particulars, account, currency, day, parts }) => ({
    ...{ id, particulars, account, currency, isSecondary: true as const },
    ...bookedOn(day, parts),
  }))
  return statements.length === 0 && unread.length === 0 ? undefined : { statements, unread }
}

const particularsOf = (statement: Element): Pick<BankStatement, "particulars"> => {
  const numbers = [["ElctrncSeqNb"], ["LglSeqNb"], ["StmtPgntn", "PgNb"]].map((path) =>
    maybeText(statement, ...path),
  )
  const particulars = [...numbers, ...all(statement, "Bal").map(writtenIn)]
  return particulars.every((one) => one === undefined) ? {} : { particulars }
}

/** All texts in an element. */
const writtenIn = ({ children, text }: Element): string =>
  children.length === 0 ? text : children.map(writtenIn).join(" ")

const entriesOf = (part: EntryPart, day: string, repeated: ReadonlySet<string>): BankStatement["entries"] => {
  switch (part._tag) {
    case "Unread":
      return []
    case "Movement":
      // A charge is no payment of the transfer that it names.
      if (part.movement.isCharge) return [entryOf(part.movement, "", day)]
      return [
        { ...entryOf(part.movement, referenceOf(part.movement), day), ...bookingOf(part.movement, repeated) },
      ]
    case "Batch": {
      if (part.batch.isCharge) return [entryOf(part.batch, "", day)]
      const { members, fileIds, count } = part.batch
      const booking = {
        members: members.map(ownIdsOf),
        fileIds,
        ...(count === undefined ? {} : { count }),
      }
      return [{ ...entryOf(part.batch, "", day), booking }]
    }
  }
}

/** What else a movement may name an order of ours by, if it has not just one reference of ours. */
const bookingOf = (movement: Movement, repeated: ReadonlySet<string>): Pick<StatementEntry, "booking"> => {
  const { servicerReference, fileIds, paymentId } = movement
  const ids = ownIdsOf(movement)
  if (isOurs(ids[0] ?? "")) return ids.length === 1 ? {} : { booking: { ids } }
  if (ids.length === 0 && servicerReference === undefined && fileIds === undefined) return {}
  return {
    booking: {
      ...(ids.length === 0 ? {} : { ids }),
      ...(servicerReference === undefined ? {} : { servicerReference }),
      ...(repeated.has(keyOf(movement)) ? { isRepeated: true as const } : {}),
      ...(paymentId === undefined ? {} : { paymentId }),
      ...(fileIds === undefined ? {} : { fileIds }),
    },
  }
}

/** The reference of ours among the ids of a movement, else its first one. */
const referenceOf = ({ reference, otherReferences = [] }: TransferIds): string =>
  [reference, ...otherReferences].find(isOurs) ?? reference

const isOurs = (id: string): boolean => parseTransferReference(id) !== undefined

/** The references of ours among the ids of a movement, what may be a number of Nacha for one, and its UETR, unless that is the one of such a reference. */
const ownIdsOf = ({ reference, otherReferences = [], uetr }: TransferIds): ReadonlyArray<string> => {
  const ours = [reference, ...otherReferences].filter((id) => isOurs(id) || isIndividualId(id))
  return uetr === undefined || ours.some((id) => uetrOf(id) === uetr) ? ours : [...ours, uetr]
}

const entryOf = (
  { currency, minor, kind, bookedOn, amounts }: Amount & Pick<Movement, "kind" | "bookedOn" | "amounts">,
  reference: string,
  day: string,
): BankStatement["entries"][number] => ({
  reference,
  currency,
  minor,
  kind,
  bookedOn: bookedOn ?? day,
  ...(amounts === undefined ? {} : { amounts }),
})

/** Every statement has a balance, and each balance names its currency. */
const currencyOfBalance = (statement: Element): string | undefined => {
  const [balance] = all(statement, "Bal")
  return balance && maybe(balance, "Amt")?.attributes.Ccy
}

/**
 * The last day of a statement: the end of its period, which may be left out and may be the midnight that ends it; else the day of its latest closing balance, or of
 * any balance; else the latest day on which an entry was booked; else the day on which it was made, which may be the next one.
 * A balance may be a forecast and an entry have only a day of value: they give no day after the one on which it was made.
 */
const dayOf = (
  statement: Element,
  parts: ReadonlyArray<EntryPart>,
  madeOn: () => string | undefined,
): string | undefined =>
  endOf(statement) ??
  maybeDay(statement, "FrToDt", "ToDt") ??
  latest(
    all(statement, "Bal")
      .filter(isClosing)
      .map((balance) => maybeDay(balance, "Dt")),
  ) ??
  earliest(
    latest(all(statement, "Bal").map((balance) => maybeDay(balance, "Dt"))) ?? latest(parts.map(bookedOnOf)),
    maybeDay(statement, "CreDtTm") ?? madeOn(),
  )

/** The day on which a period with times ends. One that ends at midnight covers nothing of the day that begins then. */
const endOf = (statement: Element): string | undefined => {
  const day = maybeDay(statement, "FrToDt", "ToDtTm")
  if (day === undefined || !endsAtMidnight(text(statement, "FrToDt", "ToDtTm"))) return day
  const begin = maybeDay(statement, "FrToDt", "FrDtTm")
  return begin !== undefined && begin < day ? dayBefore(day) : day
}

const endsAtMidnight = (moment: string): boolean => /^[^T]*T00:00(?::00(?:\.0+)?)?(?![0-9:.])/.test(moment)

const dayBefore = (day: string): string => {
  const date = new Date(day)
  date.setUTCDate(date.getUTCDate() - 1)
  return date.toISOString().slice(0, 10)
}

/** ISO 20022's BalanceType12Code for the booked balance at the end, or at the end of a page. */
const isClosing = (balance: Element): boolean =>
  ["CLBD", "ITBD"].includes(maybeText(balance, "Tp", "CdOrPrtry", "Cd") ?? "")

const bookedOnOf = (part: EntryPart): string | undefined => {
  if (part._tag === "Unread") return undefined
  return part._tag === "Movement" ? part.movement.bookedOn : part.batch.bookedOn
}

const earliest = (...days: ReadonlyArray<string | undefined>): string | undefined => sorted(days).at(0)

const latest = (days: ReadonlyArray<string | undefined>): string | undefined => sorted(days).at(-1)

const sorted = (days: ReadonlyArray<string | undefined>): ReadonlyArray<string> =>
  days.filter((day) => day !== undefined).sort()
