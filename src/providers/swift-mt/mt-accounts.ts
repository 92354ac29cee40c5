/**
 * MT940, the statement of an account, and MT942, its movements so far: message by message. Nothing in these files says where they
 * should end, so a statement counts only if its entries lead from its opening balance to its closing one.
 */
import { ibanProblem } from "../../domain/iban.ts"
import type { EntryPart } from "../iso20022/account-entry.ts"
import { isIbanLike } from "../iso20022/account-number.ts"
import { orUnreadText, type Unread } from "../iso20022/unread-part.ts"
import { entryIn, type MtEntry } from "./mt-entry.ts"
import { type MtField, type MtMessage, mtMessagesIn } from "./mt-messages.ts"
import { mtText } from "./mt-text.ts"
import { currencyIn, dayIn, minorIn, refuse } from "./mt-values.ts"

export interface MtAccount {
  readonly kind: "MT940" | "MT942"
  /** The number of the statement and its page, else the bank's reference of the message. */
  readonly id: string | undefined
  /** Its balances, as the bank writes them. */
  readonly particulars: ReadonlyArray<string>
  /** The IBAN of the account, else its number as the bank writes it. */
  readonly account: string
  readonly iban: string | undefined
  readonly currency: string
  /** The day of its closing balance; of an MT942, the latest on which an entry was booked. */
  readonly day: string
  readonly parts: ReadonlyArray<EntryPart>
}

/** The messages of a file. One that cannot be read takes no other one with it. Throws an `UnreadableFile` for the file as a whole. */
export const mtAccountsIn = (file: Uint8Array): ReadonlyArray<MtAccount | Unread> =>
  mtMessagesIn(mtText(file)).map((message) =>
    orUnreadText(`line ${message.line}`, textOf(message), () => accountIn(message)),
  )

/** Without its breaks, which may be within an id. */
const textOf = ({ fields }: MtMessage): string => fields.map(({ lines }) => lines.join("")).join(" ")

const accountIn = (message: MtMessage): MtAccount => {
  if (message.isCut) return refuse("field 4", "the end of its block is missing")
  const account = accountOf(requiredValue(message, "25", "25P"))
  const own = {
    id: maybeValue(message, "28C", "28") ?? maybeValue(message, "20"),
    account,
    iban: isIbanLike(account) ? account : undefined,
  }
  return maybeField(message, "34F") === undefined || maybeField(message, "60F", "60M") !== undefined
    ? statementOf(message, own)
    : interimOf(message, own)
}

type Own = Pick<MtAccount, "id" | "account" | "iban">

const statementOf = (message: MtMessage, own: Own): MtAccount => {
  const opening = balanceIn(fieldOf(message, "60F", "60M"))
  const closing = balanceIn(fieldOf(message, "62F", "62M"))
  if (opening.currency !== closing.currency) return refuse("field 62", "not of the currency of field 60")
  const end = message.fields.findIndex(({ tag }) => tag.startsWith("62"))
  if (message.fields.findLastIndex(({ tag }) => tag === "61") > end)
    return refuse("field 61", "after the closing balance")
  const entries = entriesIn(message, opening.currency)
  const sum = sumOf(entries)
  if (sum !== undefined && opening.minor + sum !== closing.minor)
    return refuse("field 62", "not the opening balance and the entries")
  return {
    ...own,
    kind: "MT940",
    particulars: [opening.written, closing.written],
    currency: opening.currency,
    day: closing.day,
    parts: partsOf(entries),
  }
}

/** It has no balances. If it says how many entries it has, and their sums, these have to be so. */
const interimOf = (message: MtMessage, own: Own): MtAccount => {
  const [limit = ""] = fieldOf(message, "34F").lines
  const currency = currencyIn(limit.slice(0, 3), "field 34F")
  const entries = entriesIn(message, currency)
  for (const [tag, kind] of [
    ["90D", "debit"],
    ["90C", "credit"],
  ] as const)
    requireTotal(message, tag, entries, kind)
  const days = partsOf(entries).flatMap((part) =>
    part._tag === "Movement" ? (part.movement.bookedOn ?? []) : [],
  )
  return {
    ...own,
    kind: "MT942",
    particulars: [],
    currency,
    day: days.sort().at(-1) ?? "",
    parts: partsOf(entries),
  }
}

const requireTotal = (
  message: MtMessage,
  tag: "90D" | "90C",
  entries: ReadonlyArray<MtEntry>,
  kind: "debit" | "credit",
): void => {
  const field = maybeField(message, tag)
  const isWhole = entries.every(({ part, change }) => part !== undefined && change !== undefined)
  if (field === undefined || !isWhole) return
  const [, count = "", currency = "", amount = ""] =
    /^([0-9]{1,5})([A-Z]{3})([0-9,]{1,22})$/.exec(singleLine(field)) ?? refuse(`field ${tag}`, "not a total")
  const alike = entries.filter(({ part }) => part?._tag === "Movement" && part.movement.kind === kind)
  const sum = alike.reduce((sum, { change = 0n }) => sum + (change < 0n ? -change : change), 0n)
  if (Number(count) !== alike.length || minorIn(amount, currency, `field ${tag}`) !== sum)
    refuse(`field ${tag}`, "not the number and the sum of the entries")
}

/** Field 61 with the field 86 that follows it. */
const entriesIn = ({ fields }: MtMessage, currency: string): ReadonlyArray<MtEntry> =>
  fields.flatMap((field, index) => {
    if (field.tag !== "61") return []
    const next = fields[index + 1]
    return [entryIn(field, next?.tag === "86" ? next : undefined, currency)]
  })

const partsOf = (entries: ReadonlyArray<MtEntry>): ReadonlyArray<EntryPart> =>
  entries.flatMap(({ part }) => part ?? [])

/** What all entries add to the balance; `undefined` if one of them cannot be read. */
const sumOf = (entries: ReadonlyArray<MtEntry>): bigint | undefined =>
  entries.reduce<bigint | undefined>(
    (sum, { change }) => (sum === undefined || change === undefined ? undefined : sum + change),
    0n,
  )

/** Credit or debit, day, currency and amount; below zero in debit. */
const balanceIn = (field: MtField) => {
  const place = `field ${field.tag}`
  const written = singleLine(field)
  const [, mark, day = "", code = "", amount = ""] =
    /^([CD])([0-9]{6})([A-Z]{3})([0-9,]{1,22})$/.exec(written) ?? refuse(place, "not a balance")
  const currency = currencyIn(code, place)
  const minor = minorIn(amount, currency, place)
  return { currency, minor: mark === "D" ? -minor : minor, day: dayIn(day, place), written }
}

/** The IBAN, where it is one, also after a BIC or before a currency; else the number as it is written. */
const accountOf = (written: string): string => {
  const plain = written.replaceAll(" ", "").toUpperCase()
  const candidates = [plain, plain.slice(plain.indexOf("/") + 1)].flatMap((text) => [
    text,
    text.replace(/[A-Z]{3}$/, ""),
  ])
  return candidates.find((text) => ibanProblem(text) === undefined) ?? written
}

/** The only field with one of these tags. Throws if there are several, because then it has no single meaning. */
const maybeField = ({ fields }: MtMessage, ...tags: ReadonlyArray<string>): MtField | undefined => {
  const found = fields.filter(({ tag }) => tags.includes(tag))
  // A floor limit may be given for debits and for credits.
  if (found.length > 1 && tags[0] !== "34F") return refuse(`field ${tags[0]}`, "occurs more than once")
  return found[0]
}

const fieldOf = (message: MtMessage, ...tags: ReadonlyArray<string>): MtField =>
  maybeField(message, ...tags) ?? refuse(`field ${tags[0]}`, "missing")

const maybeValue = (message: MtMessage, ...tags: ReadonlyArray<string>): string | undefined => {
  const field = maybeField(message, ...tags)
  return field && singleLine(field)
}

const requiredValue = (message: MtMessage, ...tags: ReadonlyArray<string>): string =>
  maybeValue(message, ...tags) ?? refuse(`field ${tags[0]}`, "missing")

const VALUE_LENGTH_MAX = 100

/** The text of a field of one line; of an account's, a BIC may be on a second one. */
const singleLine = ({ tag, lines }: MtField): string => {
  const [first = "", ...more] = lines.map((line) => line.trim())
  if (more.length > (tag === "25P" ? 1 : 0)) return refuse(`field ${tag}`, "more than one line")
  if (first === "" || first.length > VALUE_LENGTH_MAX)
    return refuse(`field ${tag}`, `empty, or longer than ${VALUE_LENGTH_MAX} characters`)
  return first
}
