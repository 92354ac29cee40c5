/** Problems from the table of failures: as answers, and as types for the OpenAPI document. */
import { randomBytes } from "node:crypto"
import { Schema } from "effect"
import { base32 } from "./base32.ts"
import { type Failure, type Row, table, unexpected } from "./problems.ts"

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

/** A problem, and the id under which it is logged. */
export interface Problem {
  readonly instance: string
  readonly status: number
  readonly type: string
  readonly response: Response
}

/** The problem for a failure. */
export const problemOf = (failure: Failure): Problem => {
  // Each row of the table has the type of its tag; only the lookup loses that.
  const row = table[failure._tag] as Row<Failure>
  return problem(row, row.members?.(failure), headersOf(row, failure))
}

const headersOf = (row: Row<Failure>, failure: Failure): Readonly<Record<string, string>> => {
  const seconds = row.retryAfterSeconds?.(failure)
  const headers = typeof row.headers === "function" ? row.headers(failure) : row.headers
  return { ...headers, ...(seconds === undefined ? {} : { "retry-after": `${seconds}` }) }
}

/** The problem for a defect, without any detail of it. */
export const unexpectedProblem = (): Problem => problem(unexpected)

const problem = (
  row: Pick<Row<never>, "status" | "slug" | "title">,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Problem => {
  const { status, title } = row
  const type = `/problems/${row.slug}`
  // In groups of four, because logs mask what looks like an IBAN or a long number.
  const instance = `urn:atlaspay:problem:${base32(randomBytes(10), 16).replace(/.{4}(?=.)/g, "$&-")}`
  const body = JSON.stringify({ type, title, status, ...members, instance })
  return {
    instance,
    status,
    type,
    response: new Response(body, {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...headers,
      },
    }),
  }
}
