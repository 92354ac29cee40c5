import { plainCodeOf } from "../../domain/failure-codes.ts"
import { all, maybeText } from "./element.ts"
import type { Element } from "./xml-reader.ts"

/** The first code, of a code set or the bank's own, among elements with a reason; `undefined` when none is given. */
export const reasonCode = (from: Element, name: string): string | undefined => {
  for (const element of all(from, name)) {
    const code = maybeText(element, "Rsn", "Cd") ?? maybeText(element, "Rsn", "Prtry")
    if (code !== undefined) return plainCodeOf(code)
  }
  return undefined
}
