/** A value as JSON that Postgres accepts: without NUL and unpaired surrogates, which a bank's code may contain. */
export const storable = (value: object): string => {
  const text = JSON.stringify(value)
  // JSON escapes them, and next to nothing else.
  if (!UNSTORABLE.test(text)) return text
  return JSON.stringify(value, (_, value) =>
    typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\uFFFD") : value,
  )
}

const UNSTORABLE = /\\u(?:0000|d[89a-f])/
