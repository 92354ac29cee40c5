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

/** A value of an array as it is passed: as the driver writes a parameter of the same type. */
const passed = (value: unknown): string | number | null => {
  if (value === null || typeof value === "string" || typeof value === "number") return value
  if (value instanceof Date) return value.toISOString()
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}

const asText = (text: string): unknown => text
const asNumber = (text: string): unknown => Number(text)
const asTime = (text: string): unknown => new Date(text)
const asBoolean = (text: string): unknown => text === "t"
const asJson = (text: string): unknown => JSON.parse(text)

/**
 * An array, as Postgres writes it. It quotes what would not be read as the same without quotes. Throws if it has more dimensions than
 * one.
 */
const read =
  (element: (text: string) => unknown) =>
  (array: string): ReadonlyArray<unknown> => {
    if (array.startsWith("{{") || !array.startsWith("{")) throw new Error("no array of one dimension")
    return Array.from(array.matchAll(ELEMENT), ([, quoted, bare]) => {
      if (quoted !== undefined) return element(quoted.replace(/\\(.)/gs, "$1"))
      return bare === undefined || bare === "NULL" ? null : element(bare)
    })
  }

const ELEMENT = /"((?:[^"\\]|\\.)*)"|([^{},"]+)/gs

const arraysOf = (to: number, from: ReadonlyArray<number>, element: (text: string) => unknown) => ({
  to,
  from: [to, ...from],
  serialize: (values: unknown): unknown => (Array.isArray(values) ? arrayText(values.map(passed)) : values),
  parse: read(element),
})

/**
 * The arrays that statements pass and read, by their numbers in `pg_type`. By itself the driver asks each new connection for them, in a
 * promise that nobody awaits: a connection that died then ended the whole process.
 */
export const arrayTypes = {
  /** text; name, bpchar, varchar, bigint, numeric, uuid. */
  texts: arraysOf(1009, [1003, 1014, 1015, 1016, 1231, 2951], asText),
  /** int; smallint, real, double precision, oid. */
  numbers: arraysOf(1007, [1005, 1021, 1022, 1028], asNumber),
  /** timestamptz; timestamp, date. */
  times: arraysOf(1185, [1115, 1182], asTime),
  /** boolean. */
  booleans: arraysOf(1000, [], asBoolean),
  /** jsonb; json. */
  json: arraysOf(3807, [199], asJson),
}
