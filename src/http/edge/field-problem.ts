/** A problem of one field of a request. It never repeats the value. */
import { Schema, type SchemaIssue } from "effect"
import { withoutWalletIds } from "../../domain/masking.ts"
import { keyOf, schemaProblems } from "../../parsing/schema-problems.ts"
import { redactText } from "../../telemetry/redaction.ts"

export const FieldProblem = Schema.Struct({
  /** The place in the body (JSON Pointer, RFC 6901). */
  pointer: Schema.String,
  /** The number of the payout item, from 1, if the problem concerns one. */
  item: Schema.optionalKey(Schema.Int),
  /** The field within the item or the body, as a dotted path. */
  field: Schema.optionalKey(Schema.String),
  detail: Schema.String,
})
export type FieldProblem = typeof FieldProblem.Type

/** A problem of a file of payouts: the line from 1, or the number of the transfer, and the file's own name of the column. */
export const RowProblem = Schema.Struct({
  line: Schema.optionalKey(Schema.Int),
  item: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.String),
  detail: Schema.String,
})
export type RowProblem = typeof RowProblem.Type

type Path = ReadonlyArray<PropertyKey>

/** The most problems that are reported of one request. */
export const PROBLEMS_MAX = 100

/** Names of fields come from the request; problems show them up to this length. */
const NAME_LENGTH_MAX = 64

/** A problem at a path of the body. For a path into `items` it also has the item's number. */
export const fieldProblem = (path: Path, detail: string): FieldProblem => {
  const names = path.map(shownName)
  const [first, second] = path
  const item = first === "items" && typeof second === "number" ? second + 1 : undefined
  const field = (item === undefined ? names : names.slice(2)).join(".")
  return {
    pointer: names.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    ...(item === undefined ? {} : { item }),
    ...(field === "" ? {} : { field }),
    detail,
  }
}

/** The first {@link PROBLEMS_MAX} problems that a schema found in the value at `path`. */
export const fieldProblems = (path: Path, issue: SchemaIssue.Issue): ReadonlyArray<FieldProblem> =>
  schemaProblems(issue)
    .issues.slice(0, PROBLEMS_MAX)
    .map(({ path: within = [], message }) => fieldProblem([...path, ...within.map(keyOf)], message))

/** A name that a request gave to a field or a parameter, as a problem shows it: cut, and without account numbers. */
export const shownName = (key: PropertyKey): string =>
  redactText(withoutWalletIds(String(key).slice(0, NAME_LENGTH_MAX)))
