import { plainCodeOf } from "../../domain/failure-codes.ts"
import { all, maybeText } from "./element.ts"
import type { Element } from "./xml-reader.ts"

/** The reason codes in the elements of this name, from a code set or the bank's own. */
export const reasonCodes = (from: Element, name: string): ReadonlyArray<string> =>
  all(from, name).flatMap((element) => {
    const code = maybeText(element, "Rsn", "Cd") ?? maybeText(element, "Rsn", "Prtry")
    return code === undefined ? [] : [plainCodeOf(code)]
  })

/** The first of them; `undefined` when none is given. */
export const reasonCode = (from: Element, name: string): string | undefined => reasonCodes(from, name)[0]
