/** Decodes what comes from outside, and says what is wrong with it. */
import { Result, Schema, SchemaIssue } from "effect"

/**
 * A decoder that reports all problems of a value. Only decoding that stops at the first one is compiled, so the search for all of
 * them begins when that one failed.
 */
export const decodingThoroughly = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
): ((value: unknown) => Result.Result<S["Type"], Schema.SchemaError>) => {
  const quick = Schema.decodeUnknownResult(schema)
  const thorough = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (value) => {
    const decoded = quick(value)
    return Result.isSuccess(decoded) ? decoded : thorough(value)
  }
}

/** Formats the problems that a schema found, each with its place, for the author of the input. No value is quoted. */
export const schemaProblems = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "MissingKey") return "required"
    if (issue._tag === "UnexpectedKey") return "not a known field"
    return SchemaIssue.defaultLeafHook(issue).replace(/^Expected/, "expected")
  },
})

/** The key of a step in the path to a problem. */
export const keyOf = (segment: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof segment === "object" ? segment.key : segment
