import { Effect } from "effect"
import type { EdgeContext } from "./edge.ts"
import { InvalidRequest } from "./failures.ts"

/** Larger than any version of a log. */
export const VERSION_MAX = 1_000_000_000

/** Plain decimal digits: no sign, no leading zeros, no other notation. */
const wholeNumberPattern = /^(?:0|[1-9][0-9]{0,9})$/

/** Reads a whole number from the query. A repeated parameter is refused, since it could be read in two ways. */
export const wholeNumber = (
  c: EdgeContext,
  name: string,
  {
    fallback,
    minimum,
    maximum,
  }: { readonly fallback: number; readonly minimum: number; readonly maximum: number },
): Effect.Effect<number, InvalidRequest> => {
  const [text, ...others] = c.req.queries(name) ?? []
  if (text === undefined) return Effect.succeed(fallback)
  const value = others.length === 0 && wholeNumberPattern.test(text) ? Number(text) : Number.NaN
  return value >= minimum && value <= maximum
    ? Effect.succeed(value)
    : Effect.fail(new InvalidRequest({ detail: `${name}: expected ${minimum} to ${maximum}.` }))
}

const TEXT_LENGTH_MAX = 256

/**
 * Reads a text from the query, or `undefined` if it is missing. It has to be as `isExpected` wants it; by default 1 to
 * {@link TEXT_LENGTH_MAX} characters, none of them a control character, because Postgres takes no NUL. A repeated parameter is
 * refused, since it could be read in two ways.
 */
export const textIn = <Text extends string = string>(
  c: EdgeContext,
  name: string,
  expected: string,
  isExpected: (text: string) => text is Text = (text): text is Text => plain.test(text),
): Effect.Effect<Text | undefined, InvalidRequest> => {
  const [text, ...others] = c.req.queries(name) ?? []
  if (text === undefined) return Effect.succeed(undefined)
  return others.length === 0 && isExpected(text)
    ? Effect.succeed(text)
    : Effect.fail(new InvalidRequest({ detail: `${name}: expected ${expected}.` }))
}

const plain = new RegExp(`^\\P{Cc}{1,${TEXT_LENGTH_MAX}}$`, "u")
