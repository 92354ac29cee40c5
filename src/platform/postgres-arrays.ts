/**
 * Columns as arrays in the text format of Postgres (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Rows that
 * are passed so, to `unnest`, cost the server half of what the same rows cost as JSON, and the driver less than its own arrays.
 */

/** One array of the values, with all texts quoted. What a text of Postgres cannot hold is replaced: NUL, unpaired surrogates. */
export const arrayText = (values: ReadonlyArray<string | number | null>): string => {
  let text = "{"
  for (const value of values) {
    if (text.length > 1) text += ","
    if (value === null) text += "NULL"
    else if (typeof value === "number") text += value
    else text += `"${NEEDS_ESCAPE.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"`
  }
  text += "}"
  return text.isWellFormed() && !text.includes("\0") ? text : text.toWellFormed().replaceAll("\0", "\uFFFD")
}

const NEEDS_ESCAPE = /["\\]/
