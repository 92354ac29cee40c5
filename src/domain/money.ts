import { Result, Schema } from "effect"
import { exponentOf } from "./currency.ts"

/** An ISO 4217 alphabetic code that money can be paid in. */
export const Currency = Schema.String.check(
  Schema.makeFilter(
    (code: string) => exponentOf(code) !== undefined || "expected a payable ISO 4217 currency",
    {
      identifier: "Currency",
    },
  ),
)

/** An amount in the currency's minor unit (cents, yen, fils); always positive and never a float. */
export type MinorUnits = bigint

/** The largest amount of one payout: 15 digits of minor units, well inside ISO 20022's 18 digits in total. */
export const MINOR_UNITS_MAX: MinorUnits = 999_999_999_999_999n

const plainDecimal = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/

/**
 * Reads a decimal string such as "12.34" as minor units of its currency.
 *
 * Refused, with a sentence that says why: signs, exponents, thousands separators, leading zeros, more decimals
 * than the currency has (even when they are zeros), nothing, zero, and anything above {@link MINOR_UNITS_MAX}.
 */
export const parseAmount = (text: string, currency: string): Result.Result<MinorUnits, string> => {
  const exponent = exponentOf(currency)
  if (exponent === undefined) return Result.fail(`${currency} is not a payable ISO 4217 currency`)
  const match = text.length <= 24 ? plainDecimal.exec(text) : null
  if (match === null) return Result.fail(`expected a plain decimal such as ${example(exponent)}`)
  const [, whole = "0", decimals = ""] = match
  if (decimals.length > exponent)
    return Result.fail(`${currency} has ${exponent} decimals, got ${decimals.length}`)
  const minor = BigInt(whole + decimals.padEnd(exponent, "0"))
  if (minor === 0n) return Result.fail("expected more than zero")
  if (minor > MINOR_UNITS_MAX)
    return Result.fail(`above the limit of ${formatAmount(MINOR_UNITS_MAX, currency)}`)
  return Result.succeed(minor)
}

/** Prints minor units as a decimal string with exactly the currency's decimals: 1234n EUR is "12.34". */
export const formatAmount = (minor: bigint, currency: string): string => {
  const exponent = exponentOf(currency)
  if (exponent === undefined) throw new RangeError(`${currency} is not a payable ISO 4217 currency`)
  const sign = minor < 0n ? "-" : ""
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0")
  const point = digits.length - exponent
  return exponent === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

const example = (exponent: number): string =>
  exponent === 0 ? '"1200"' : `"12.${"0".repeat(exponent - 1)}5"`
