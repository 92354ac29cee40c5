/** The types of problems from the table of failures, for the OpenAPI document. */
import { Schema } from "effect"
import { type Failure, headersOf, type Row, table, unexpected } from "./problems.ts"

/** A type of problem, for the document: what its answers have in common, and one of them. */
export interface ProblemType {
  readonly slug: string
  readonly status: number
  readonly title: string
  readonly schema: Schema.Top
  readonly example: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
}

/** The types of problems of failures, each once. A defect may happen everywhere. */
export const problemTypesOf = (tags: ReadonlyArray<Failure["_tag"]>): ReadonlyArray<ProblemType> => {
  const rows = [unexpected as Row<Failure>, ...tags.map((tag) => table[tag] as Row<Failure>)]
  return [...new Map(rows.map((row) => [row.slug, problemType(row)])).values()]
}

const problemType = (row: Row<Failure>): ProblemType => {
  const failure = (row.example ?? {}) as Failure
  const { slug, status, title } = row
  const titles = new Set(Object.values(table).flatMap((other) => (other.slug === slug ? [other.title] : [])))
  const schema = Schema.Struct({
    type: Schema.Literal(`/problems/${slug}`),
    title: titles.size > 1 ? Schema.Literals([...titles]) : Schema.Literal(title),
    status: Schema.Literal(status),
    detail: Schema.optionalKey(Schema.String),
    ...row.fields,
    instance: Schema.String.annotate({ description: "The id under which the service logged the problem." }),
  })
  const instance = "urn:atlaspay:problem:abcd-efgh-ijkl-mnop"
  const example = { type: `/problems/${slug}`, title, status, ...row.members?.(failure), instance }
  return { slug, status, title, schema, example, headers: headersOf(row, failure) }
}
