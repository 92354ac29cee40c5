/**
 * An entry of a statement in SWIFT's form: field 61, and the field 86 that may follow it. It becomes the same movement as an entry
 * of a camt message, so it counts in the same places and under the same conditions.
 */
import { parseTransferReference } from "../../domain/identifiers.ts"
import type { StatedAmounts } from "../booked-amount.ts"
import { type EntryPart, isChargeCode, type Movement } from "../iso20022/account-entry.ts"
import type { Amount } from "../iso20022/element.ts"
import { idIn, idsOf, isFileId } from "../iso20022/transfer-ids.ts"
import { orUnreadText } from "../iso20022/unread-part.ts"
import { type Information, informationIn } from "./mt-information.ts"
import type { MtField } from "./mt-messages.ts"
import { currencyIn, dayIn, dayNear, minorIn, refuse } from "./mt-values.ts"

/** An entry that is not booked, but expected (EC and ED of MT942), is no part. */
export interface MtEntry {
  readonly part: EntryPart | undefined
  /** What it adds to the balance, in minor units; `undefined` if it cannot be read. */
  readonly change: bigint | undefined
}

/** The entry of a field 61. What cannot be read takes no other entry with it. */
export const entryIn = (line: MtField, information: MtField | undefined, currency: string): MtEntry => {
  const about = informationIn(information?.lines ?? [])
  const text = [...line.lines, " ", ...(information?.lines ?? [])].join("")
  const read = orUnreadText(`line ${line.line}`, text, () => lineIn(line, currency))
  if ("_tag" in read) return { part: read, change: undefined }
  if (read.isExpected) return { part: undefined, change: 0n }
  const movement = movementOf(read, about, currency)
  return {
    part: { _tag: "Movement", movement },
    change: movement.kind === "credit" ? read.minor : -read.minor,
  }
}

interface Line {
  readonly bookedOn: string
  readonly kind: Movement["kind"]
  readonly isReversal: boolean
  readonly isExpected: boolean
  readonly minor: bigint
  /** A letter and three characters, such as NTRF. */
  readonly type: string
  readonly customerReference: string | undefined
  readonly servicerReference: string | undefined
  readonly amounts: StatedAmounts | undefined
}

/**
 * Day of value, day of booking, mark, third letter of the currency, amount, type, reference of the account's owner, and that of the
 * bank (SWIFT, MT940, field 61). References may be longer than the 16 characters of the standard.
 */
const pattern =
  /^([0-9]{6})([0-9]{4})?(R[CD]|E[CD]|[CD])([A-Z])?([0-9]{1,15},[0-9]{0,6})([A-Z][A-Z0-9]{3})(.{0,100})$/

const PLACE = "field 61"

const lineIn = ({ lines: [first = "", ...more] }: MtField, currency: string): Line => {
  const found = pattern.exec(first.trimEnd())
  if (found === null) return refuse(PLACE, "not a statement line")
  const [, valueDay = "", entryDay, mark = "", funds, amount = "", type = "", references = ""] = found
  if (funds !== undefined && funds !== currency[2]) return refuse(PLACE, "not of the currency of the balance")
  const valuedOn = dayIn(valueDay, PLACE)
  const [customer = "", servicer] = references.split(/\/\/(.*)/)
  return {
    bookedOn: entryDay === undefined ? valuedOn : dayNear(valuedOn, entryDay, PLACE),
    // A reversed credit leaves the account, and a reversed debit comes back.
    kind: ["C", "RD", "EC"].includes(mark) ? "credit" : "debit",
    isReversal: mark.startsWith("R"),
    isExpected: mark.startsWith("E"),
    minor: minorIn(amount, currency, PLACE),
    type,
    customerReference: customerIdIn(customer),
    servicerReference: idIn(servicer?.trim()),
    amounts: amountsIn(more.join("")),
  }
}

/** German banks write here that the reference is in field 86; a reference of ours that was cut is none. */
const elsewhere = /^(?:[EK]REF\+|[A-Z2-7]{16,22}-?)$/

const customerIdIn = (text: string): string | undefined => {
  const id = idIn(text.trim())
  return id === undefined || elsewhere.test(id) ? undefined : id
}

/** The original amount, charges and the rate, which only the bank writes into the second line (subfield 9). */
const amountsIn = (text: string): StatedAmounts | undefined => {
  const money = (word: string): ReadonlyArray<Amount> =>
    [...text.matchAll(new RegExp(`/${word}/([A-Z]{3})([0-9]{1,15},[0-9]{0,6})(?=/|$)`, "g"))].flatMap(
      ([, currency = "", amount = ""]) => moneyOrNone(currency, amount),
    )
  const instructed = money("OCMT")
  const charges = money("CHGS").filter(({ minor }) => minor > 0n)
  const rate = /\/EXCH\/([0-9]{1,7}(?:,[0-9]{1,10})?)(?=\/|$)/.exec(text)?.[1]?.replace(",", ".")
  if (instructed.length === 0 && charges.length === 0 && rate === undefined) return undefined
  return { instructed, charges, ...(rate === undefined ? {} : { rate }) }
}

/** What cannot be read here explains nothing, and spoils nothing. */
const moneyOrNone = (currency: string, amount: string): ReadonlyArray<Amount> => {
  const read = orUnreadText("", "", () => {
    const known = currencyIn(currency, PLACE)
    return { currency: known, minor: minorIn(amount, known, PLACE) }
  })
  return "_tag" in read ? [] : [read]
}

const movementOf = (line: Line, about: Information, currency: string): Movement => {
  const { uetr, files, paymentId, business = "", isReturn, reason } = about
  const { customerReference, servicerReference, amounts, kind, bookedOn, minor, type } = line
  return {
    kind,
    bookedOn,
    currency,
    minor,
    isReversal: line.isReversal || isReturn || type.slice(1) === "RTI",
    isCharge: isChargeCode(`${type}+${business}`),
    ...idsOf({
      own: ownIds(about, customerReference),
      uetr,
      servicerReference,
      files: [...files, customerReference],
    }),
    ...(amounts === undefined ? {} : { amounts }),
    ...(paymentId === undefined ? {} : { paymentId }),
    reason,
    reasons: [],
  }
}

/**
 * The reference of field 61 is the transfer's where it is one of ours, and if field 86 has none, unless it is the id of a file or
 * the beginning of one.
 */
const ownIds = ({ own, files }: Information, customer: string | undefined): ReadonlyArray<string> => {
  if (customer === undefined) return own
  if (parseTransferReference(customer) !== undefined) return [...own, customer]
  const isOfFile = isFileId(customer) || files.some((id) => id.startsWith(customer))
  return own.length === 0 && !isOfFile ? [customer] : own
}
