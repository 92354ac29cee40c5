/** Sums of decimals in text, exact, whatever their currencies: control sums (ISO 20022, DecimalNumber: at most 17 decimals). */
const DECIMALS = 17

export const isDecimal = (text: string): boolean => /^[0-9]{1,18}(\.[0-9]{0,17})?$/.test(text)

/** The sum in units of 10^-17. Each text is a decimal. */
export const sumOfDecimals = (texts: ReadonlyArray<string>): bigint =>
  texts.reduce((sum, text) => {
    const [whole = "", fraction = ""] = text.split(".")
    return sum + BigInt(whole + fraction.padEnd(DECIMALS, "0"))
  }, 0n)
