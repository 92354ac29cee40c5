/**
 * How a file writes its amounts. What separates decimals and thousands is a setting, of the file's layout or of the caller:
 * "1.234" is a thousand times as much to one reader as to another, so an amount that does not follow the setting is refused.
 */
import { Result } from "effect"
import { exponentOf } from "../domain/currency.ts"

export const decimalMarks = { point: ".", comma: "," } as const
export type DecimalMark = keyof typeof decimalMarks

/** Spaces of any width, and both apostrophes, that people put between thousands. */
const thousandsMarks = {
  none: "",
  point: ".",
  comma: ",",
  space: " \u00a0\u2009\u202f",
  apostrophe: "'\u2019",
} as const
export type ThousandsMark = keyof typeof thousandsMarks
export const thousandsMarkNames = Object.keys(thousandsMarks) as ReadonlyArray<ThousandsMark>

export interface DecimalNotation {
  readonly decimal: DecimalMark
  readonly thousands: ThousandsMark
}

/** As the API takes amounts: "1234.50". */
export const plainNotation: DecimalNotation = { decimal: "point", thousands: "none" }

/** Why two settings cannot hold at once. */
export const notationProblem = ({ decimal, thousands }: DecimalNotation): string | undefined =>
  decimal === thousands
    ? `the ${decimal} cannot separate both decimals and thousands: set the other one, too`
    : undefined

const GROUP = 3

/**
 * An amount as the API takes it, from one in a file's notation, or a reason with advice. Thousands are written in groups
 * of three or not at all. Whatever is not a number in any notation is left as it is, for the API's reading to refuse.
 */
export const plainDecimal = (
  text: string,
  notation: DecimalNotation,
  currency: string,
): Result.Result<string, string> => {
  if (!/^[0-9][0-9.,'\u2019\s]*$/.test(text)) return Result.succeed(text)
  const mark = decimalMarks[notation.decimal]
  const [whole = "", fraction, ...more] = text.split(mark)
  if (more.length > 0) return refused(notation.decimal, "stands more than once", text, notation)
  if (fraction !== undefined && !/^[0-9]+$/.test(fraction)) {
    const stray = namesOfMarksIn(fraction)[0]
    return stray === undefined
      ? Result.succeed(text)
      : refused(stray, "stands behind the decimals", text, notation)
  }
  if (looksGrouped(whole, fraction, currency))
    return refused(notation.decimal, `would separate ${GROUP} decimals`, text, notation)
  const digits = withoutThousands(whole, notation.thousands)
  if (digits !== undefined) return Result.succeed(fraction === undefined ? digits : `${digits}.${fraction}`)
  const stray = namesOfMarksIn(whole).find((name) => name !== notation.thousands)
  return stray === undefined
    ? refused(notation.thousands, `does not separate groups of ${GROUP} digits`, text, notation)
    : refused(stray, "is no separator here", text, notation)
}

/** "1.234" in a currency that has not three decimals: most likely thousands, and refused either way. */
const looksGrouped = (whole: string, fraction: string | undefined, currency: string): boolean =>
  fraction?.length === GROUP && whole.length <= GROUP && (exponentOf(currency) ?? GROUP) < GROUP

const withoutThousands = (whole: string, thousands: ThousandsMark): string | undefined => {
  if (/^[0-9]+$/.test(whole)) return whole
  const marks = thousandsMarks[thousands]
  if (marks === "") return undefined
  const groups = whole.split(new RegExp(`[${marks}]`))
  const [first = "", ...others] = groups
  const isGrouped = /^[0-9]{1,3}$/.test(first) && others.every((group) => /^[0-9]{3}$/.test(group))
  return isGrouped ? groups.join("") : undefined
}

type Mark = Exclude<ThousandsMark, "none">

const namesOfMarksIn = (text: string): ReadonlyArray<Mark> =>
  thousandsMarkNames.filter(
    (name): name is Mark => name !== "none" && [...thousandsMarks[name]].some((mark) => text.includes(mark)),
  )

/** Names the mark, never the amount: the advice is the settings under which the amount would be one. */
const refused = (
  mark: ThousandsMark,
  problem: string,
  text: string,
  notation: DecimalNotation,
): Result.Result<never, string> => {
  const others = readings(text).filter(
    ({ decimal, thousands }) => decimal !== notation.decimal || thousands !== notation.thousands,
  )
  const advice = others.map(
    ({ decimal, thousands }) =>
      `--decimal ${decimal}${thousands === "none" ? "" : ` --thousands ${thousands}`}`,
  )
  return Result.fail(
    [
      `the ${mark} ${problem}`,
      ...(advice.length === 0 ? [] : [`if it means something else, add ${advice.join(" or ")}`]),
    ].join("; "),
  )
}

/** The notations in which a text is a number, the simplest first. */
const readings = (text: string): ReadonlyArray<DecimalNotation> =>
  (["point", "comma"] as const).flatMap((decimal) =>
    thousandsMarkNames
      .filter((thousands) => thousands !== decimal)
      .filter((thousands) => {
        const [whole = "", fraction = "0", ...more] = text.split(decimalMarks[decimal])
        const isNeeded = thousands === "none" || !/^[0-9]+$/.test(whole)
        return (
          isNeeded &&
          more.length === 0 &&
          /^[0-9]+$/.test(fraction) &&
          withoutThousands(whole, thousands) !== undefined
        )
      })
      .map((thousands) => ({ decimal, thousands })),
  )
