/** Parameters of a path, a query or a header: one schema each, which reads them and which the OpenAPI document shows. */
import { Schema } from "effect"
import type { Call, EdgeContext } from "../edge/edge.ts"
import { InvalidRequest, NotFound } from "../edge/failures.ts"
import { shownName } from "../edge/field-problem.ts"

/** A parameter whose value is an `A`. */
export interface Parameter<A> {
  /** The value, as the document describes it. */
  readonly schema: Schema.Top
  readonly description: string
  readonly required: boolean
  /** Whether the text has several values, separated by commas, as the schema of an array describes them. */
  readonly separated?: true
  readonly example?: string | number | boolean
  /** Reads the text of a request, or `undefined` if there is none; fails with what was expected. */
  readonly read: (text: string | undefined) => { readonly value: A } | { readonly expected: string }
}

/** A name of something in a path. A text that the schema refuses is nobody's name, so the answer is 404. */
export interface PathParameter<A> {
  readonly schema: Schema.Top
  readonly description: string
  readonly example: string | number
  readonly read: (text: string) => A | undefined
  /** What is not there if the text is no such name: "payout batch". */
  readonly what: string
  /** What is wrong with a text that is refused with 400, in place of 404. */
  readonly refusal?: string
}

interface Described {
  readonly description: string
  readonly example?: string | number | boolean
}

/** Plain decimal digits: no sign, no leading zeros, no other notation. */
const wholeNumberPattern = /^(?:0|[1-9][0-9]{0,9})$/

/** A whole number of a query; `fallback` if it is missing. */
export const wholeNumber = <Fallback extends number | undefined>({
  minimum,
  maximum,
  fallback,
  ...described
}: Described & {
  readonly minimum: number
  readonly maximum: number
  readonly fallback: Fallback
}): Parameter<number | Fallback> => ({
  ...described,
  required: false,
  schema: Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate(
    fallback === undefined ? {} : { default: fallback },
  ),
  read: (text) => {
    if (text === undefined) return { value: fallback }
    const value = wholeNumberPattern.test(text) ? Number(text) : Number.NaN
    return value >= minimum && value <= maximum ? { value } : { expected: `${minimum} to ${maximum}` }
  },
})

/** An optional text that matches a schema of texts; `expected` says in words of what. */
export const text = <A extends string>(
  schema: Schema.Codec<A, unknown>,
  { expected, ...described }: Described & { readonly expected: string },
): Parameter<A | undefined> => {
  const isExpected = Schema.is(schema)
  return {
    ...described,
    required: false,
    schema,
    read: (value) => (value === undefined || isExpected(value) ? { value } : { expected }),
  }
}

/** One of several words, or none. */
export const oneOf = <const Word extends string>(
  schema: Schema.Literals<ReadonlyArray<Word>>,
  described: Described,
): Parameter<Word | undefined> =>
  text(schema, { ...described, expected: `one of ${schema.literals.join(", ")}` })

/**
 * Some of several words, separated by commas, or none. They are given in their own order, each once, so that the same words are the
 * same value.
 */
export const someOf = <const Word extends string>(
  schema: Schema.Literals<ReadonlyArray<Word>>,
  described: Described,
): Parameter<ReadonlyArray<Word> | undefined> => {
  const words = new Set<string>(schema.literals)
  return {
    ...described,
    required: false,
    separated: true,
    schema: Schema.Array(schema).check(Schema.isMinLength(1)),
    read: (text) => {
      if (text === undefined) return { value: undefined }
      const named = new Set(text.split(","))
      return named.isSubsetOf(words)
        ? { value: schema.literals.filter((word) => named.has(word)) }
        : { expected: `one or more of ${schema.literals.join(", ")}, separated by commas` }
    },
  }
}

/** `true` or `false`; false if it is missing. */
export const flag = (described: Described): Parameter<boolean> => ({
  ...described,
  required: false,
  schema: Schema.Boolean.annotate({ default: false }),
  read: (text) =>
    text === undefined || text === "true" || text === "false"
      ? { value: text === "true" }
      : { expected: "true or false" },
})

/** The same parameter, which may not be missing. */
export const required = <A>({ read, ...parameter }: Parameter<A>): Parameter<Exclude<A, undefined>> => ({
  ...parameter,
  required: true,
  read: (text) => {
    const missing = { expected: parameter.description }
    const outcome = text === undefined ? missing : read(text)
    if (!("value" in outcome)) return outcome
    return outcome.value === undefined ? missing : { value: outcome.value as Exclude<A, undefined> }
  },
})

/** A name in a path that matches a schema of texts. */
export const named = <A extends string>(
  schema: Schema.Codec<A, unknown>,
  rest: Pick<PathParameter<A>, "description" | "example" | "what">,
): PathParameter<A> => {
  const isNamed = Schema.is(schema)
  return { ...rest, schema, read: (text) => (isNamed(text) ? text : undefined) }
}

/** A text without control characters, which Postgres does not take, of 1 to 256 characters. */
export const PlainWords = Schema.String.check(
  Schema.makeFilter((text: string) => /^\P{Cc}{1,256}$/u.test(text), {
    toJsonSchema: () => [{ minLength: 1, maxLength: 256 }, true],
  }),
)

export type ParametersOf<P> = { readonly [Name in keyof P]: Parameter<P[Name]> }
export type PathParametersOf<P> = { readonly [Name in keyof P]: PathParameter<P[Name]> }

/** The values of a path. */
export const readPath = (
  c: Call,
  parameters: Readonly<Record<string, PathParameter<unknown>>>,
): Readonly<Record<string, unknown>> | InvalidRequest | NotFound => {
  const values: Record<string, unknown> = {}
  for (const [name, { read, what, refusal }] of Object.entries(parameters)) {
    const value = read(c.req.param(name) ?? "")
    if (value === undefined)
      return refusal === undefined ? new NotFound({ what }) : new InvalidRequest({ detail: refusal })
    values[name] = value
  }
  return values
}

/**
 * The values of a query. A parameter that the route does not have is refused: who misspelt a filter would otherwise act on a list of
 * everything. So is a repeated one, since it could be read in two ways.
 */
export const readQuery = (
  c: Pick<EdgeContext, "req">,
  parameters: Readonly<Record<string, Parameter<unknown>>>,
): Readonly<Record<string, unknown>> | InvalidRequest => {
  const given = c.req.queries()
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(parameters, name))
  if (unknown.length > 0)
    return new InvalidRequest({ detail: unknownParameters(unknown, Object.keys(parameters)) })
  return readAll(parameters, (name) => given[name] ?? [])
}

/** Unknown parameters that are named; a query may have thousands. */
const UNKNOWN_SHOWN_MAX = 5

const unknownParameters = (unknown: ReadonlyArray<string>, known: ReadonlyArray<string>): string => {
  const shown = unknown.slice(0, UNKNOWN_SHOWN_MAX).map((name) => JSON.stringify(shownName(name)))
  const more = unknown.length > shown.length ? ` and ${unknown.length - shown.length} more` : ""
  const expected = known.length === 0 ? "This route takes none." : `Known are ${known.join(", ")}.`
  return `The query has parameters that are not known here: ${shown.join(", ")}${more}. ${expected}`
}

/** The values of headers, whose names are in lower case. One that came twice is refused, as in a query. */
export const readHeaders = (
  c: Call,
  parameters: Readonly<Record<string, Parameter<unknown>>>,
): Readonly<Record<string, unknown>> | InvalidRequest => {
  return readAll(parameters, (name) => c.env.incoming.headersDistinct[name] ?? [], writtenHeader)
}

/** "Idempotency-Key": the name of a header as people write it. */
export const writtenHeader = (name: string): string =>
  name.replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())

const readAll = (
  parameters: Readonly<Record<string, Parameter<unknown>>>,
  textsOf: (name: string) => ReadonlyArray<string>,
  written = (name: string) => name,
): Readonly<Record<string, unknown>> | InvalidRequest => {
  const values: Record<string, unknown> = {}
  for (const [name, { read }] of Object.entries(parameters)) {
    const [text, ...others] = textsOf(name)
    const outcome = others.length > 0 ? { expected: "one value" } : read(text)
    if (!("value" in outcome))
      return new InvalidRequest({ detail: `${written(name)}: expected ${outcome.expected}.` })
    values[name] = outcome.value
  }
  return values
}
