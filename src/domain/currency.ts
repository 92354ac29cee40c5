/**
 * The currencies of ISO 4217 by the number of decimals of their minor unit, and since when or until when each can be paid.
 * Source: list one of the maintenance agency (SIX) of 2024-06-25, with its amendments up to {@link currencyListAsOf}: XCG
 * replaced ANG in Curaçao and Sint Maarten (amendment 176), and the euro replaced BGN in Bulgaria.
 */
import type { Day } from "./business-days.ts"

/** The day up to which changes of the list are in the data. A test fails when it is more than a year ago. */
export const currencyListAsOf: Day = "2026-01-01"

const codesByExponent = {
  0: `
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF`,
  2: `
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CNY COP CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
    QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD
    TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
  3: `
    BHD IQD JOD KWD LYD OMR TND`,
} as const

/** Funds and units of account: they have decimals, and nobody has an account in them that a payout reaches. */
const fundsByExponent = {
  0: "UYI",
  2: "BOV CHE CHW COU MXV USN",
  4: "CLF UYW",
} as const

/** The first day of a currency that is newer than the list, and the last day of one that was withdrawn. */
const firstDays: Readonly<Record<string, Day | undefined>> = { XCG: "2025-03-31" }
const lastDays: Readonly<Record<string, Day | undefined>> = { ANG: "2025-03-31", BGN: "2025-12-31" }

export type CurrencyExponent = 0 | 2 | 3 | 4

const rows = (codes: string, exponent: CurrencyExponent) =>
  codes
    .trim()
    .split(/\s+/)
    .map((code) => [code, exponent] as const)

const currencies: ReadonlyMap<string, CurrencyExponent> = new Map([
  ...rows(codesByExponent[0], 0),
  ...rows(codesByExponent[2], 2),
  ...rows(codesByExponent[3], 3),
])

const known: ReadonlyMap<string, CurrencyExponent> = new Map([
  ...currencies,
  ...rows(fundsByExponent[0], 0),
  ...rows(fundsByExponent[2], 2),
  ...rows(fundsByExponent[4], 4),
])

/**
 * How many decimals the minor unit of a currency has (JPY 0, EUR 2, KWD 3, CLF 4; ISO 4217), or `undefined` for a code that
 * has none (metals, test codes, units of account) or is none. What was withdrawn, and funds, are known as well: logs have
 * amounts in them.
 */
export const exponentOf = (currency: string): CurrencyExponent | undefined => known.get(currency)

/** Whether payouts are accepted in a currency on a day: it is one, it was introduced, and it was not withdrawn. */
export const isPayableOn = (currency: string, day: Day): boolean =>
  currencies.has(currency) && (firstDays[currency] ?? day) <= day && (lastDays[currency] ?? day) >= day

/** Why no payout is accepted in a currency on a day; `undefined` if it is. */
export const currencyProblem = (currency: string, day: Day): string | undefined => {
  if (isPayableOn(currency, day)) return undefined
  const [first, last] = [firstDays[currency], lastDays[currency]]
  if (last !== undefined && last < day) return `${currency} was withdrawn on ${last}`
  if (first !== undefined && first > day) return `${currency} is not in use before ${first}`
  return known.has(currency)
    ? `${currency} is a fund or a unit of account, and cannot be paid`
    : "expected a payable ISO 4217 currency such as EUR"
}

/** All codes with a minor unit, in alphabetical order. */
export const knownCurrencies: ReadonlyArray<string> = [...known.keys()].sort()

/** Those in which payouts are accepted on the day of the list. */
export const payableCurrencies: ReadonlyArray<string> = [...currencies.keys()]
  .filter((code) => isPayableOn(code, currencyListAsOf))
  .sort()
