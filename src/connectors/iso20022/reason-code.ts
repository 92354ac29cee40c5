import { all, maybeText } from "./element.ts"
import type { Element } from "./xml-reader.ts"

/** What may be a code and cannot be an account number. */
const plainCode = /^(?!(.*\d){8})[\w.-]{1,35}$/

/** The first code, of a code set or the bank's own, among elements with a reason; `undefined` when none is given. */
export const reasonCode = (from: Element, name: string): string | undefined => {
  for (const element of all(from, name)) {
    const code = maybeText(element, "Rsn", "Cd") ?? maybeText(element, "Rsn", "Prtry")
    if (code !== undefined) return plainCode.test(code) ? code : UNSPECIFIED
  }
  return undefined
}

/** Stands for a reason that was not given, or not in a code. Nobody maps it: such an item is left to a person. */
export const UNSPECIFIED = "unspecified"
