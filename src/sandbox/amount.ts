import currencyCodes from "currency-codes"
import * as Schema from "effect/Schema"

/** The package's list is of 2024-06-25; XCG followed on 2025-03-31 (ISO 4217, amendment 176). */
const decimalsOf = new Map([
  ...currencyCodes.data.map(({ code, digits }) => [code, digits] as const),
  ["XCG", 2] as const,
])

/** Minor units (cents, yen, fils) of a decimal string; undefined for an unknown currency, zero or too many decimals. */
export const toMinor = (currency: string, value: string): bigint | undefined => {
  const decimals = decimalsOf.get(currency)
  const match = /^(\d{1,18})(?:\.(\d{1,4}))?$/.exec(value)
  if (decimals === undefined || match === null) return undefined
  const [, whole = "", fraction = ""] = match
  if (fraction.length > decimals) return undefined
  const minor = BigInt(whole + fraction.padEnd(decimals, "0"))
  return minor > 0n ? minor : undefined
}

/** The decimal string of minor units, with exactly the decimals that ISO 4217 gives the currency. */
export const toDecimal = (currency: string, minor: bigint): string => {
  const decimals = decimalsOf.get(currency) ?? 0
  const sign = minor < 0n ? "-" : ""
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, "0")
  const point = digits.length - decimals
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** An amount on the wire: ISO 4217 code and positive decimal string, such as `{"currency":"EUR","value":"12.34"}`. */
export const Amount = Schema.Struct({ currency: Schema.String, value: Schema.String }).check(
  Schema.makeFilter(({ currency, value }) =>
    toMinor(currency, value) === undefined
      ? "not a positive decimal amount in an ISO 4217 currency"
      : undefined,
  ),
)
export type Amount = typeof Amount.Type

/** Minor units of an amount that was already checked. */
export const minorOf = ({ currency, value }: Amount): bigint => {
  const minor = toMinor(currency, value)
  if (minor === undefined) throw new RangeError("amount was not checked")
  return minor
}

/** Sums per currency, in minor units, shown as decimal strings. */
export class CurrencySums {
  readonly #minor = new Map<string, bigint>()

  add(currency: string, minor: bigint): void {
    this.#minor.set(currency, (this.#minor.get(currency) ?? 0n) + minor)
  }

  toJSON(): Record<string, string> {
    const sums = [...this.#minor].sort(([a], [b]) => a.localeCompare(b))
    return Object.fromEntries(sums.map(([currency, minor]) => [currency, toDecimal(currency, minor)]))
  }
}
