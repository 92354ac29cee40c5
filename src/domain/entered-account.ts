/**
 * Accounts as people write them: in groups, in lower case, with "IBAN" in front. The groups are undone and letters are made
 * upper case; nothing else is changed, so what is wrong is still found.
 */
import { Predicate } from "effect"

/** Only the letters of accounts: upper case would make "SS" of "ß", and "I" of the Turkish "ı". */
const upperCase = (text: string): string => text.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())

const grouped = (text: string): string => upperCase(text.replaceAll(/[\s-]/g, ""))

/** Hyphens stay in the number of an account: in some countries one separates its parts, which have leading zeros each. */
const spaced = (text: string): string => upperCase(text.replaceAll(/\s/g, ""))

type Rule = (text: string) => string

const rules: ReadonlyArray<readonly [field: string, rule: Rule]> = [
  ["iban", (text) => grouped(text).replace(/^IBAN:?/, "")],
  ["bic", grouped],
  ["sortCode", grouped],
  ["routingNumber", grouped],
  ["accountNumber", spaced],
]

/** Most accounts are written as they should be. */
const isPlain = (text: string): boolean => /^[0-9A-Z]*$/.test(text) && !text.startsWith("IBAN")

/** The same account with its identifiers in their electronic form; what is no account is returned as it is. */
export const enteredAccount = (account: unknown): unknown => {
  if (!Predicate.isObject(account)) return account
  let entered = account
  for (const [field, rule] of rules) {
    const text = account[field]
    if (typeof text === "string" && !isPlain(text)) entered = { ...entered, [field]: rule(text) }
  }
  return entered
}
