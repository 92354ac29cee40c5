/** What names an account, by the scheme that addresses it: IBAN, BIC, ABA routing number, and the account number of a bank. */
import { Schema } from "effect"
import { countryCodes } from "./countries.ts"
import { ibanCountries, ibanProblem, territoriesOf } from "./iban.ts"

export const Iban = Schema.String.check(Schema.makeFilter((iban: string) => ibanProblem(iban) ?? true))

/**
 * An e-mail address that names a wallet: the dot-atom form of RFC 5321, 4.1.2 in ASCII, of 127 characters at most, as the payout APIs
 * of wallets take it. Quoted local parts and address literals are left out: no wallet has one.
 */
export const EmailAddress = Schema.String.check(
  Schema.makeFilter((email: string) => {
    const isAddress =
      email.length <= 127 &&
      /^(?=.{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$/.test(
        email,
      )
    return isAddress || "expected an e-mail address such as ada@example.com, of at most 127 characters"
  }),
)

/** A telephone number with the code of its country (ITU-T E.164): a plus sign and 8 to 15 digits, the first of them not 0. */
export const PhoneNumber = Schema.String.check(
  Schema.makeFilter(
    (phone: string) =>
      /^\+[1-9][0-9]{7,14}$/.test(phone) || "expected a telephone number such as +14155552671 (E.164)",
  ),
)

/** The id of a PayPal account: 13 upper-case letters and digits, of those that cannot be mistaken for others. */
export const PayPalId = Schema.String.check(
  Schema.makeFilter(
    (id: string) => /^[2-9A-HJ-NP-Z]{13}$/.test(id) || "expected a PayPal id of 13 letters and digits",
  ),
)

const bicPattern = /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/

/** ISO 9362: four characters of the party, a country, a location, and optionally a branch. */
export const Bic = Schema.String.check(
  Schema.makeFilter((bic: string) => {
    if (!bicPattern.test(bic)) return "expected a BIC of 8 or 11 characters"
    return countryCodes.has(countryOfBic(bic)) || "characters 5 and 6 of a BIC must be a country (ISO 3166-1)"
  }),
)

export const countryOfBic = (bic: string): string => bic.slice(4, 6)

/** The first two digits of routing numbers that are in use (ABA Routing Number Policy). */
const routingPrefixes: ReadonlyArray<readonly [from: number, to: number]> = [
  [0, 12],
  [21, 32],
  [61, 72],
  [80, 80],
]

const routingWeights = [3, 7, 1]

/** ABA routing transit number: nine digits, weights 3-7-1, sum divisible by ten; all zeros is not one. */
export const RoutingNumber = Schema.String.check(
  Schema.makeFilter((number: string) => {
    if (!/^[0-9]{9}$/.test(number) || number === "000000000")
      return "expected an ABA routing number of nine digits"
    const prefix = Number(number.slice(0, 2))
    if (!routingPrefixes.some(([from, to]) => prefix >= from && prefix <= to))
      return "the first two digits are not those of an ABA routing number"
    let sum = 0
    for (let index = 0; index < number.length; index += 1)
      sum += Number(number[index]) * (routingWeights[index % routingWeights.length] ?? 0)
    return sum % 10 === 0 || "the check digit does not match"
  }),
)

/** The shortest IBAN, of Norway. */
const IBAN_LENGTH_MIN = 15

/** Whether somebody typed an IBAN where an account number is asked for: a country that issues IBANs, and two digits. */
export const looksLikeIban = (accountNumber: string): boolean =>
  accountNumber.length >= IBAN_LENGTH_MIN &&
  /^[A-Z]{2}[0-9]{2}/.test(accountNumber) &&
  ibanCountries.includes(accountNumber.slice(0, 2))

/** An account number as its bank writes it. One that is an IBAN is checked as one. */
export const AccountNumber = Schema.String.check(
  Schema.makeFilter((number: string) => {
    if (!/^[A-Z0-9]{1,34}$/.test(number)) return "expected 1 to 34 digits or upper-case letters"
    const problem = looksLikeIban(number) ? ibanProblem(number) : undefined
    return problem === undefined || `this looks like an IBAN: ${problem}`
  }),
)

/** The number of an account in the USA, where there are no IBANs. */
export const UsAccountNumber = AccountNumber.check(
  Schema.makeFilter(
    (number: string) => !looksLikeIban(number) || "this is an IBAN: send it with the scheme iban",
  ),
)

/**
 * Countries whose banks share IBANs. The registry says so of territories. Banks in Monaco belong to France's payment systems
 * (Convention franco-monégasque), so an IBAN of one may come with a BIC of the other. San Marino, the Vatican and Kosovo
 * issue IBANs and BICs of their own.
 */
const issuers: ReadonlyMap<string, string> = new Map([
  ...Object.entries(territoriesOf).flatMap(([country, territories]) =>
    territories.map((territory) => [territory, country] as const),
  ),
  ["MC", "FR"],
])

const issuerOf = (country: string): string => issuers.get(country) ?? country

/** What is wrong with a BIC beside an IBAN, `undefined` if their countries agree. Both are valid by themselves. */
export const disagreement = (iban: string, bic: string): string | undefined => {
  const [ofIban, ofBic] = [iban.slice(0, 2), countryOfBic(bic)]
  return issuerOf(ofIban) === issuerOf(ofBic)
    ? undefined
    : `the BIC is of a bank in ${ofBic}, the IBAN of an account in ${ofIban}`
}
