/**
 * Field 86 of a statement: what a bank says of an entry. There is no one form. Two are read:
 *
 *   - the German one, `166?00…?20EREF+…?21KREF+…?30…` (DK, DFU agreement, annex 3, chapter on MT940): a business transaction code,
 *     then subfields by number after a mark;
 *   - code words between slashes, `/EREF/…/REMI/…` (SWIFT's MT940 guidelines for corporates; Dutch, Belgian and Nordic banks).
 *
 * Payers and payees write into both: names, remittances, references. So what decides over money, that something came back and
 * why, counts only where no text of theirs is before it. References in a remittance are none.
 */
import { plainCodeOf } from "../../domain/failure-codes.ts"
import { idIn } from "../iso20022/transfer-ids.ts"

export interface Information {
  /** The transfer's own ids. */
  readonly own: ReadonlyArray<string>
  readonly uetr?: string
  /** Ids of the payment or the message that it was ordered in. */
  readonly files: ReadonlyArray<string>
  readonly paymentId?: string
  /** The German code of its business transaction, of three digits. */
  readonly business?: string
  /** The bank calls it something that came back. */
  readonly isReturn: boolean
  /** The code of why. */
  readonly reason?: string
}

const nothing: Information = { own: [], files: [], isReturn: false }

/** What field 86 says, by its lines: they break anywhere, also within an id. */
export const informationIn = (lines: ReadonlyArray<string>): Information => {
  const text = lines.join("")
  const [, business = "", mark = ""] = /^([0-9]{3})([^A-Za-z0-9\s])(?=[0-9]{2})/.exec(text) ?? []
  if (mark !== "") return inSubfields(text.slice(business.length), mark, business)
  return /^\/[A-Z]{2,5}\//.test(text) ? inCodeWords(text) : nothing
}

/** Credit transfers, also instant ones, that came back (DK: business transactions 159 and 160). */
const returns: ReadonlySet<string> = new Set(["159", "160"])

/**
 * Reasons of returns as the German banks number them (subfield 34, "Textschlüsselergänzung"), as far as all publish the same. Any
 * other number is shown as it is.
 */
const reasons: ReadonlyMap<string, string> = new Map([
  ["901", "AC01"],
  ["902", "AC04"],
  ["903", "AC06"],
  ["904", "AG01"],
  ["906", "AM04"],
  ["907", "AM05"],
  ["908", "BE04"],
  ["915", "RC01"],
])

const inSubfields = (text: string, mark: string, business: string): Information => {
  const subfields = text
    .split(mark)
    .filter((part) => /^[0-9]{2}/.test(part))
    .map((part) => ({ number: Number(part.slice(0, 2)), value: part.slice(2) }))
  // 20 to 29 and 60 to 63 are one text, in their order.
  const remittance = subfields.filter(
    ({ number }) => (number >= 20 && number <= 29) || (number >= 60 && number <= 63),
  )
  const ids = identifiersIn(remittance.map(({ value }) => value))
  const [number, ...others] = subfields.flatMap(({ number, value }) => (number === 34 ? [value.trim()] : []))
  const isReturn = returns.has(business)
  return {
    own: ids("EREF"),
    files: ids("KREF"),
    business,
    isReturn,
    ...(isReturn && number !== undefined && others.length === 0
      ? { reason: reasons.get(number) ?? plainCodeOf(number) }
      : {}),
  }
}

/**
 * The identifiers of SEPA at the beginning of the remittance, each at the beginning of a subfield or after a space. The remittance
 * itself (SVWZ) is the payer's text, and so is everything after it.
 */
const identifiersIn = (values: ReadonlyArray<string>) => {
  const parts: Array<{ readonly name: string; value: string }> = []
  for (const value of values)
    for (const part of value.split(/(?:^| )(?=[A-Z]{3,4}\+)/)) {
      const [, name, begin = ""] = /^([A-Z]{3,4})\+(.*)$/.exec(part) ?? []
      const last = parts.at(-1)
      if (name !== undefined) parts.push({ name, value: begin })
      else if (last !== undefined) last.value += part
      else return () => []
      if (name === "SVWZ") return ofName(parts)
    }
  return ofName(parts)
}

const ofName =
  (parts: ReadonlyArray<{ readonly name: string; readonly value: string }>) =>
  (name: string): ReadonlyArray<string> =>
    parts.flatMap((part) => (part.name === name ? (idIn(part.value.trim()) ?? []) : []))

/** Code words that begin or end a value; others are a part of it. */
const words =
  "EREF IREF PREF KREF CREF UETR RTRN TRCD TRTP RTYP MARF CSID CNTP IBAN BIC NAME ADDR ORDP BENM INIT REMI USTD STRD PURP ULTD ULTC ULTB ISDT OCMT EXCH CHGS SVCL ID"
/** After one of these, payers and payees have written. */
const others: ReadonlySet<string> = new Set(
  "CNTP NAME ADDR ORDP BENM INIT REMI USTD STRD ULTD ULTC ULTB ID".split(" "),
)

const word = new RegExp(`/(${words.replaceAll(" ", "|")})/`)

const inCodeWords = (text: string): Information => {
  const [, ...parts] = text.split(word)
  const found: Array<{ readonly name: string; readonly value: string; readonly isBanks: boolean }> = []
  let isBanks = true
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [name = "", value = ""] = parts.slice(index, index + 2)
    isBanks &&= !others.has(name)
    found.push({ name, value: withoutSlashes(value).trim(), isBanks })
  }
  // Where the kind of a transfer comes first, its reference comes last, after the remittance.
  const isReferenceLast = ["TRTP", "RTYP"].includes(found[0]?.name ?? "")
  const ids = (name: string, anywhere = false) =>
    found.flatMap((part) =>
      part.name === name && (part.isBanks || anywhere) ? (idIn(part.value) ?? []) : [],
    )
  const [paymentId] = ids("PREF")
  const [uetr] = ids("UETR")
  const back = found.filter(({ name, isBanks }) => name === "RTRN" && isBanks)
  const [reason] = back
  return {
    own: [...ids("EREF", isReferenceLast), ...ids("IREF")],
    files: [...ids("PREF"), ...ids("KREF"), ...ids("CREF")],
    isReturn: back.length > 0,
    ...(uetr === undefined ? {} : { uetr: uetr.toLowerCase() }),
    ...(paymentId === undefined ? {} : { paymentId }),
    ...(back.length === 1 && reason !== undefined ? { reason: plainCodeOf(reason.value) } : {}),
  }
}

/** Without slashes at the end. A pattern would look at a long row of slashes anew from each of them. */
const withoutSlashes = (text: string): string => {
  let end = text.length
  while (text[end - 1] === "/") end -= 1
  return text.slice(0, end)
}
