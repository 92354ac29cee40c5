import { SchemaIssue } from "effect"

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
