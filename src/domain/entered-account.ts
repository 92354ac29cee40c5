/**
 * Accounts as people write them: in groups, in lower case, with "IBAN" in front. The groups are undone and letters are made
 * upper case; nothing else is changed, so what is wrong is still found. A wallet has one form as well: an e-mail address in lower
 * case, a telephone number as ITU-T E.164 has it.
 */
import { Predicate } from "effect"

/** Only the letters of accounts: upper case would make "SS" of "ß", and "I" of the Turkish "ı". */
const upperCase = (text: string): string => text.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())

const grouped = (text: string): string => upperCase(text.replaceAll(/[\s-]/g, ""))

/** Hyphens stay in the number of an account: in some countries one separates its parts, which have leading zeros each. */
const spaced = (text: string): string => upperCase(text.replaceAll(/\s/g, ""))

/**
 * No provider of wallets tells addresses apart by the case of their letters, though RFC 5321 would let the part before the @ be so.
 * Only the letters that addresses have: lower case would make a "k" of the Kelvin sign.
 */
const mailbox = (text: string): string => text.trim().replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

/** What people put between the digits of a telephone number (ITU-T E.123), hyphens of all kinds among it. */
const betweenDigits = /[\s.()\u2010-\u2013-]/g
/** A digit that is dialled within the country only, as in "+44 (0)20": in some countries it stays, so nobody can tell. */
const trunkDigit = /\(\s*0/

/** "00 1 (415) 555-2671" is "+14155552671": no country's code begins with a zero. A number without its country stays as it is. */
const international = (text: string): string => {
  if (trunkDigit.test(text)) return text
  return text.replaceAll(betweenDigits, "").replace(/^00(?=[1-9])/, "+")
}

type Rule = (text: string) => string

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["iban", (text) => grouped(text).replace(/^IBAN:?/, "")],
  ["bic", grouped],
  ["sortCode", grouped],
  ["routingNumber", grouped],
  ["accountNumber", spaced],
  ["email", mailbox],
  ["phone", international],
  ["paypalId", grouped],
])

/** Most accounts are written as they should be. What begins with "00" may be a telephone number. */
const isPlain = (text: string): boolean => /^(?!IBAN|00)[0-9A-Z]*$/.test(text)

/** The same account with its identifiers in their electronic form; what is no account is returned as it is. */
export const enteredAccount = (account: unknown): unknown => {
  if (!Predicate.isObject(account)) return account
  let entered = account
  for (const field in account) {
    const rule = rules.get(field)
    const text = account[field]
    if (rule !== undefined && typeof text === "string" && !isPlain(text))
      entered = { ...entered, [field]: rule(text) }
  }
  return entered
}
