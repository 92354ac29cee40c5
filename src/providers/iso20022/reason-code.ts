import { isOfDuplicate, meaningOf, plainCodeOf } from "../../domain/failure-codes.ts"
import { cleanText } from "../../domain/outside-text.ts"
import { all, maybe, maybeText } from "./element.ts"
import type { Element } from "./xml-reader.ts"

/** So many reasons are kept, and so much of the text of each: more than one field of ISO 20022's has (105). */
const REASONS_MAX = 10
const TEXT_LENGTH_MAX = 200

export interface Reasons {
  /**
   * The code that counts, from a code set or the bank's own: of a duplicate if there is one, because what else is wrong with a
   * copy does not matter; else the first that is mapped, else the first. `undefined` when none is given.
   */
  readonly code: string | undefined
  /** All reasons with their texts, cleaned; none if there is no more than the code. */
  readonly reasons: ReadonlyArray<string>
}

/** The reasons in the elements of this name. */
export const reasonsIn = (from: Element, name: string): Reasons => {
  const elements = all(from, name)
  const codes = elements.flatMap((element) => {
    const code = codeIn(element)
    return code === undefined ? [] : [plainCodeOf(code)]
  })
  const code = codes.find(isOfDuplicate) ?? codes.find((code) => meaningOf(code) !== undefined) ?? codes[0]
  const shown = [...new Set(elements.map(shownIn))].filter((text) => text !== "").slice(0, REASONS_MAX)
  return { code, reasons: shown.every((text) => text === code) ? [] : shown }
}

const codeIn = (element: Element): string | undefined =>
  maybeText(element, "Rsn", "Cd") ?? maybe(element, "Rsn", "Prtry")?.text

/** A code with its text, as the bank gives them. Without the colon, the two may look like an account number. */
const shownIn = (element: Element): string => {
  const text = all(element, "AddtlInf")
    .map(({ text }) => text)
    .join(" ")
  const shown = [codeIn(element) ?? "", text]
    .map(cleanText)
    .filter((part) => part !== "")
    .join(": ")
  return cleanText(Array.from(shown).slice(0, TEXT_LENGTH_MAX).join(""))
}
