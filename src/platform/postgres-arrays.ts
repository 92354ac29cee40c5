/**
 * Columns as arrays in the text format of Postgres (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Rows that
 * are passed so, to `unnest`, cost the server half of what the same rows cost as JSON, and the driver less than its own arrays.
 */

/** What a column has: texts are quoted, `null` is NULL. */
export type ColumnValue = string | number | null

/** One array of the values, with all texts quoted. What a text of Postgres cannot hold is replaced: NUL, unpaired surrogates. */
export const arrayText = (values: ReadonlyArray<ColumnValue>): string => columnText(values, (value) => value)

/** The same of a column of rows, without an array of its values in between. */
export const columnText = <Row>(rows: ReadonlyArray<Row>, of: (row: Row) => ColumnValue): string => {
  let text = "{"
  for (const row of rows) {
    const value = of(row)
    if (text.length > 1) text += ","
    if (value === null) text += "NULL"
    else if (typeof value === "number") text += value
    else text += `"${NEEDS_ESCAPE.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"`
  }
  text += "}"
  return text.isWellFormed() && !text.includes("\0") ? text : text.toWellFormed().replaceAll("\0", "\uFFFD")
}

const NEEDS_ESCAPE = /["\\]/
