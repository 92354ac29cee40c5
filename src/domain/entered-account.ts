/**
 * Accounts as people write them: in groups, in lower case, with "IBAN" in front. The groups are undone and letters are made
 * upper case; nothing else is changed, so what is wrong is still found.
 */
import { Predicate } from "effect"

const grouped = (text: string): string => text.replaceAll(/[\s-]/g, "").toUpperCase()

/** Hyphens stay in the number of an account: in some countries one separates its parts, which have leading zeros each. */
const spaced = (text: string): string => text.replaceAll(/\s/g, "").toUpperCase()

const rules: Readonly<Record<string, (text: string) => string>> = {
  iban: (text) => grouped(text).replace(/^IBAN:?/, ""),
  bic: grouped,
  sortCode: grouped,
  routingNumber: grouped,
  accountNumber: spaced,
}

/** Most accounts are written as they should be. */
const plain = /^[0-9A-Z]*$/

/** The same account with its identifiers in their electronic form; what is no account is returned as it is. */
export const enteredAccount = (account: unknown): unknown => {
  if (!Predicate.isObject(account)) return account
  const changed = Object.entries(account).flatMap(([name, text]) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined || typeof text !== "string") return []
    return plain.test(text) && name !== "iban" ? [] : [[name, rule(text)] as const]
  })
  return changed.length === 0 ? account : { ...account, ...Object.fromEntries(changed) }
}
