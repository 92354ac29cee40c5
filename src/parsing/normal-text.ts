/** Texts in Unicode normalization form C, as the log keeps them: macOS and some databases send letters and accents apart. */

const beyondAscii = /[\u0080-\uffff]/

/**
 * Units of UTF-16, more than any text of a payout has. Form C puts marks into their order in a time that grows with the square of
 * their number, so a longer text stays as it is: it is refused for its length.
 */
const LENGTH_MAX = 4_096

/** The same text in form C. */
export const normalText = (text: string): string =>
  text.length <= LENGTH_MAX && beyondAscii.test(text) ? text.normalize("NFC") : text

/**
 * A value of JSON with every text in it in form C; names of members stay as they are. The value is the caller's own, just
 * parsed, and is changed in place.
 */
export const withNormalTexts = (value: unknown): unknown => {
  if (typeof value === "string") return normalText(value)
  if (typeof value !== "object" || value === null) return value
  const members: Readonly<Record<string, unknown>> = Object(value)
  for (const name in members) {
    const part = members[name]
    const normal = withNormalTexts(part)
    // Not an assignment: a member may be called __proto__.
    if (normal !== part) Object.defineProperty(members, name, { value: normal })
  }
  return value
}
