/** Lengths as people and JSON Schema count them: by code points, not by the units of UTF-16 that a string is made of. */
import { Schema } from "effect"

/** Whether a text has at most so many code points. */
export const hasAtMost = (text: string, codePointsMax: number): boolean => {
  if (text.length <= codePointsMax) return true
  if (text.length > 2 * codePointsMax) return false
  let count = 0
  for (const _ of text) count += 1
  return count <= codePointsMax
}

/** A text of 1 to `lengthMax` code points. */
export const TextWithin = (lengthMax: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (text: string) =>
        (text.length > 0 && hasAtMost(text, lengthMax)) || `expected 1 to ${lengthMax} characters`,
      { toJsonSchema: () => ({ minLength: 1, maxLength: lengthMax }) },
    ),
  )
