/** What is wrong with one field of a request, told without repeating its value. */
import { Schema, type SchemaIssue } from "effect"
import { keyOf, schemaProblems } from "../../parsing/schema-problems.ts"
import { redactText } from "../../telemetry/redaction.ts"

export const FieldProblem = Schema.Struct({
  /** Where in the body (JSON Pointer, RFC 6901). */
  pointer: Schema.String,
  /** The payout item, from 1, when it is about one. */
  item: Schema.optionalKey(Schema.Int),
  /** The field within the item or the body, as a dotted path. */
  field: Schema.optionalKey(Schema.String),
  detail: Schema.String,
})
export type FieldProblem = typeof FieldProblem.Type

type Path = ReadonlyArray<PropertyKey>

/** Problems told of one request at most. */
export const PROBLEMS_MAX = 100

/** A request may name its fields as it likes; in a problem they are shown up to this length. */
const NAME_LENGTH_MAX = 64

/** One problem at a path of the body. A path into `items` also names the item by its number. */
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

/** The problems that a schema found with what stands at `path`, the first {@link PROBLEMS_MAX} of them. */
export const fieldProblems = (path: Path, issue: SchemaIssue.Issue): ReadonlyArray<FieldProblem> =>
  schemaProblems(issue)
    .issues.slice(0, PROBLEMS_MAX)
    .map(({ path: within = [], message }) => fieldProblem([...path, ...within.map(keyOf)], message))

/** An account number in the place of a field's name is no less an account number. */
const shownName = (key: PropertyKey): string => redactText(String(key).slice(0, NAME_LENGTH_MAX))
