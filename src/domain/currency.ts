/** ISO 4217 list one (2024-06-25): the payable currencies by the number of decimals of their minor unit. */
const codesByExponent = {
  0: `
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`,
  2: `
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
    CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
    QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD
    TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWG`,
  3: `
    BHD IQD JOD KWD LYD OMR TND`,
  4: `
    CLF UYW`,
} as const

export type CurrencyExponent = 0 | 2 | 3 | 4

const exponents: ReadonlyMap<string, CurrencyExponent> = new Map(
  ([0, 2, 3, 4] as const).flatMap((exponent) =>
    codesByExponent[exponent]
      .trim()
      .split(/\s+/)
      .map((code) => [code, exponent] as const),
  ),
)

/**
 * How many decimals the minor unit of a currency has (JPY 0, EUR 2, KWD 3, CLF 4; ISO 4217), or `undefined`
 * for a code that is not a payable currency (metals, test codes and funds units without a minor unit included).
 */
export const exponentOf = (currency: string): CurrencyExponent | undefined => exponents.get(currency)

export const payableCurrencies: ReadonlyArray<string> = [...exponents.keys()]
