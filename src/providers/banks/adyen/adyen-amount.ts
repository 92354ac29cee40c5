/**
 * Amounts as Adyen writes them: whole numbers of its minor units. Of four currencies these are not those of ISO 4217
 * (https://docs.adyen.com/development-resources/currency-codes): there, a number that was not converted would pay a hundred times too much
 * or too little.
 */
import { exponentOf } from "../../../domain/currency.ts"

/** How many decimals Adyen gives a currency, where ISO 4217 gives it another number. */
export const ownDecimals: Readonly<Record<string, number | undefined>> = { CLP: 2, CVE: 0, IDR: 0, ISK: 2 }

/** Digits that Adyen has more than ISO 4217 (2), or fewer (-2). */
const moreDigits = (currency: string): number => {
  const own = ownDecimals[currency]
  return own === undefined ? 0 : own - (exponentOf(currency) ?? own)
}

/**
 * The number that Adyen is sent for an amount in minor units of ISO 4217; `undefined` for one that it cannot be told exactly: a part of
 * its minor unit, or more than a number of JSON holds (2^53 - 1).
 */
export const adyenValueOf = (minor: bigint, currency: string): number | undefined => {
  const digits = moreDigits(currency)
  const factor = 10n ** BigInt(Math.abs(digits))
  if (digits < 0 && minor % factor !== 0n) return undefined
  const value = digits < 0 ? minor / factor : minor * factor
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
}

/** The amount in minor units of ISO 4217 that Adyen's number is; `undefined` if it is a part of one, or no whole number that is exact. */
export const minorOfAdyen = (value: number, currency: string): bigint | undefined => {
  if (!Number.isSafeInteger(value) || exponentOf(currency) === undefined) return undefined
  const digits = moreDigits(currency)
  const factor = 10n ** BigInt(Math.abs(digits))
  const whole = BigInt(value)
  if (digits > 0) return whole % factor === 0n ? whole / factor : undefined
  return whole * factor
}
