import { Schema } from "effect"
import {
  AccountNumber,
  Bic,
  countryOfBic,
  disagreement,
  EmailAddress,
  Iban,
  looksLikeIban,
  PayPalId,
  PhoneNumber,
  RoutingNumber,
  UsAccountNumber,
} from "./account-identifiers.ts"
import { hasAtMost } from "./code-points.ts"
import { countryCodes } from "./countries.ts"
import { isOutsideSepa } from "./sepa-scheme-countries.ts"

/**
 * The scripts in which a zero-width joiner or non-joiner is part of the spelling (The Unicode Standard, 23.2): the forms of
 * letters in Arabic and its like, conjuncts in scripts of India and its neighbours.
 */
const joiningScripts = [
  ...["Arabic", "Syriac", "Mandaic", "Nko", "Mongolian", "Phags_Pa"],
  ...["Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam"],
  ...["Sinhala", "Tibetan", "Myanmar", "Khmer", "Balinese", "Javanese"],
]
const joined = joiningScripts.map((script) => `\\p{Script=${script}}`).join("")

/** A joiner after such a letter is seen in the shape of the letter; anywhere else nobody sees it. */
const strayJoiner = `(?<![${joined}])[\\u200c\\u200d]`
const format = "(?![\\u200c\\u200d])\\p{Cf}"

/** Control, bidirectional-override, zero-width and unassigned characters: invisible to a reviewer, so never accepted. */
export const invisibleCharacter = `(?:[\\p{Cc}\\p{Co}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}]|${format}|${strayJoiner})`
const invisible = new RegExp(invisibleCharacter, "u")

/** Most texts are plain ASCII, in which nothing is invisible and everything is normal. */
const plainAscii = /^[!-~](?:[ -~]*[!-~])?$/

/** Text that a person reads: 1 to `length` code points in Unicode NFC, trimmed, with nothing invisible in it. */
export const PlainText = (length: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (text: string) => {
        if (text.length === 0 || !hasAtMost(text, length)) return `expected 1 to ${length} characters`
        if (plainAscii.test(text)) return true
        if (text !== text.trim()) return "expected no white space at the ends"
        if (invisible.test(text)) return "expected no control, bidirectional or zero-width characters"
        return text === text.normalize("NFC") || "expected Unicode normalization form C"
      },
      // The lengths in JSON Schema are code points, too; the rest is looser there.
      { toJsonSchema: () => [{ minLength: 1, maxLength: length }, true] },
    ),
  )

/**
 * Fillers that nobody sees although they count as letters, marks or symbols: a reference with one looks like another without.
 * The Unicode Standard, Default_Ignorable_Code_Point but for variation selectors, which names in CJK have; and the blank Braille
 * pattern. Logs may have them, so they are no part of {@link PlainText}.
 */
const filler = /[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/

/** A text of a new payout: {@link PlainText} without fillers. */
export const EnteredText = (length: number) =>
  PlainText(length).check(
    Schema.makeFilter((text: string) => !filler.test(text) || "expected no filler that nobody sees"),
  )

const digits = (length: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^[0-9]{${length}}$`), { message: `expected ${length} digits` }),
  )

const agreed = (iban: string, bic: string | undefined) => {
  const issue = bic === undefined ? undefined : disagreement(iban, bic)
  return issue === undefined ? undefined : { path: ["bic"], issue }
}

/** An account at a bank, by the scheme that addresses it. */
export const BankAccount = Schema.Union([
  Schema.Struct({ scheme: Schema.Literal("iban"), iban: Iban, bic: Schema.optionalKey(Bic) }).check(
    Schema.makeFilter(({ iban, bic }) => agreed(iban, bic)),
  ),
  Schema.Struct({ scheme: Schema.Literal("sort-code"), sortCode: digits(6), accountNumber: digits(8) }),
  Schema.Struct({
    scheme: Schema.Literal("aba"),
    routingNumber: RoutingNumber,
    accountNumber: UsAccountNumber,
    accountType: Schema.Literals(["checking", "savings"]),
    /** Who holds it, which decides how Nacha's rules class a payment to it (PPD or CCD). */
    holderType: Schema.optionalKey(Schema.Literals(["individual", "company"])),
  }),
  Schema.Struct({ scheme: Schema.Literal("bic"), bic: Bic, accountNumber: AccountNumber }).check(
    Schema.makeFilter(({ bic, accountNumber }) =>
      looksLikeIban(accountNumber) ? agreed(accountNumber, bic) : undefined,
    ),
  ),
])
export type BankAccount = typeof BankAccount.Type

/** A wallet, by what its provider knows the holder by. */
const Wallet = Schema.Union([
  Schema.Struct({ scheme: Schema.Literal("email"), email: EmailAddress }),
  Schema.Struct({ scheme: Schema.Literal("phone"), phone: PhoneNumber }),
  Schema.Struct({ scheme: Schema.Literal("paypal-id"), paypalId: PayPalId }),
])
export type Wallet = typeof Wallet.Type

/** Where the money goes, by the scheme that addresses it: known to intake and to paying, and to nobody between. */
export const BeneficiaryAccount = Schema.Union([...BankAccount.members, ...Wallet.members])
export type BeneficiaryAccount = typeof BeneficiaryAccount.Type

const walletSchemes: ReadonlySet<string> = new Set(["email", "phone", "paypal-id"] satisfies ReadonlyArray<
  Wallet["scheme"]
>)

export const isWalletScheme = (scheme: string): boolean => walletSchemes.has(scheme)
export const isWallet = (account: BeneficiaryAccount): account is Wallet => isWalletScheme(account.scheme)

/** A person, or a company or other organisation: banks, schemes and screening treat them differently. */
export const BeneficiaryType = Schema.Literals(["person", "company"])
export type BeneficiaryType = typeof BeneficiaryType.Type

/** The most characters that ISO 20022's fields of an address have. */
export const ADDRESS_LENGTHS_MAX = { street: 70, buildingNumber: 16, postcode: 16, town: 35 } as const

/** The most free lines of an address, and the characters of each, beside its structured fields (CBPR+, EPC153-22: hybrid addresses). */
export const ADDRESS_LINES_MAX = 2
export const ADDRESS_LINE_LENGTH_MAX = 70

/**
 * Where somebody lives or has its seat, in the structured form of payments (ISO 20022 PostalAddress24). Town and country are
 * always there: from November 2026 on, payments take no address without them (EPC153-22, and the CBPR+ usage guidelines).
 * What has no field of its own may stand in free lines: such an address is called hybrid.
 */
export const Address = Schema.Struct({
  lines: Schema.optionalKey(
    Schema.Array(PlainText(ADDRESS_LINE_LENGTH_MAX)).check(
      Schema.makeFilter(
        (lines) =>
          (lines.length >= 1 && lines.length <= ADDRESS_LINES_MAX) ||
          `expected 1 or ${ADDRESS_LINES_MAX} lines, beside the fields of the address`,
        { toJsonSchema: () => [{ minItems: 1, maxItems: ADDRESS_LINES_MAX }, true] },
      ),
    ),
  ),
  street: Schema.optionalKey(PlainText(ADDRESS_LENGTHS_MAX.street)),
  buildingNumber: Schema.optionalKey(PlainText(ADDRESS_LENGTHS_MAX.buildingNumber)),
  postcode: Schema.optionalKey(PlainText(ADDRESS_LENGTHS_MAX.postcode)),
  town: PlainText(ADDRESS_LENGTHS_MAX.town),
  /** ISO 3166-1 alpha-2. */
  country: Schema.String.check(
    Schema.makeFilter(
      (country: string) => countryCodes.has(country) || "expected the two letters of a country, such as DE",
    ),
  ),
})
export type Address = typeof Address.Type

const typeByHolder = { individual: "person", company: "company" } as const
const holderByType = { person: "individual", company: "company" } as const

interface Typed {
  readonly account: BeneficiaryAccount
  readonly type?: BeneficiaryType
}

/** The type of a beneficiary: what was said of it, or else of who holds its American account. */
export const typeOf = ({ type, account }: Typed): BeneficiaryType | undefined => {
  if (type !== undefined || account.scheme !== "aba" || account.holderType === undefined) return type
  return typeByHolder[account.holderType]
}

/** The account with who holds it, where only the beneficiary's type says that: Nacha's rules class payments by it. */
export const heldAccount = <Account extends BeneficiaryAccount>(
  account: Account,
  type?: BeneficiaryType,
): Account =>
  account.scheme === "aba" && account.holderType === undefined && type !== undefined
    ? { ...account, holderType: holderByType[type] }
    : account

/** A beneficiary that is a person has no account that a company holds, nor the other way round. */
export const holderAgrees = Schema.makeFilter(({ type, account }: Typed) => {
  if (type === undefined || account.scheme !== "aba" || account.holderType === undefined) return undefined
  return typeByHolder[account.holderType] === type
    ? undefined
    : { path: ["type"], issue: `${type}, and the account's holderType is ${account.holderType}` }
})

export const Beneficiary = Schema.Struct({
  name: PlainText(140),
  account: BeneficiaryAccount,
  type: Schema.optionalKey(BeneficiaryType),
  address: Schema.optionalKey(Address),
}).check(holderAgrees)
export type Beneficiary = typeof Beneficiary.Type

/** What is sealed of a beneficiary: the account, and the address beside its fields, where there is one. */
export type SealedAccount = BeneficiaryAccount & { readonly address?: Address }

export const sealedOf = ({ account, address }: Pick<Beneficiary, "account" | "address">): SealedAccount =>
  address === undefined ? account : { ...account, address }

/** What was sealed, taken apart again. */
export const unsealed = (sealed: SealedAccount): Pick<Beneficiary, "account" | "address"> => {
  if (sealed.address === undefined) return { account: sealed }
  const { address, ...account } = sealed
  return { account, address }
}

/** The part of an account that identifies it within its bank or wallet: the whole IBAN, the account number, the holder's name there. */
const accountNumberOf = (account: BeneficiaryAccount): string => {
  switch (account.scheme) {
    case "iban":
      return account.iban
    case "email":
      return account.email
    case "phone":
      return account.phone
    case "paypal-id":
      return account.paypalId
    default:
      return account.accountNumber
  }
}

/** Of a shorter number, four characters would give too much away. */
const SHOWN_LENGTH_MIN = 8

const CountryCode = Schema.String.check(Schema.isPattern(/^[A-Z]{2}$/))

/**
 * An account as all but paying see it: its scheme, the country that its IBAN or BIC names, and its last four characters
 * (none of a number shorter than eight, and none of an e-mail address). The rest is in the seal of the chunk that the item came in.
 */
export const VisibleAccount = Schema.Struct({
  scheme: Schema.Literals(["iban", "sort-code", "aba", "bic", "email", "phone", "paypal-id"]),
  country: Schema.optionalKey(CountryCode),
  lastFour: Schema.String.check(Schema.isPattern(/^([A-Z0-9]{4})?$/)),
})
export type VisibleAccount = typeof VisibleAccount.Type

/**
 * Of an address, only the country is seen; absent where none was given, as in logs from before there were addresses. Intake
 * knows which countries there are: a log is read for longer than a list of them holds.
 */
export const VisibleBeneficiary = Schema.Struct({
  name: PlainText(140),
  account: VisibleAccount,
  type: Schema.optionalKey(BeneficiaryType),
  addressCountry: Schema.optionalKey(CountryCode),
})
export type VisibleBeneficiary = typeof VisibleBeneficiary.Type

/**
 * The accounts and addresses of a chunk of items, sealed together for whoever has the partner's key: "<key id>.<base64url of
 * nonce, ciphertext and tag>".
 */
export const Seal = Schema.String.check(Schema.isPattern(/^[0-9]{1,9}\.[A-Za-z0-9_-]{1,1000000}$/))

export const visibleOf = (account: BeneficiaryAccount): VisibleAccount => {
  const { scheme } = account
  const number = accountNumberOf(account)
  const country = countryOf(account)
  const lastFour = scheme !== "email" && number.length >= SHOWN_LENGTH_MIN ? number.slice(-4) : ""
  return country === undefined ? { scheme, lastFour } : { scheme, country, lastFour }
}

/** A beneficiary as all but paying see it. */
export const visibleBeneficiaryOf = (beneficiary: Beneficiary): VisibleBeneficiary => {
  const { name, account, address } = beneficiary
  const type = typeOf(beneficiary)
  const visible: { -readonly [Field in keyof VisibleBeneficiary]: VisibleBeneficiary[Field] } = {
    name,
    account: visibleOf(account),
  }
  if (type !== undefined) visible.type = type
  if (address !== undefined) visible.addressCountry = address.country
  return visible
}

/** The beneficiary again, from what all see of it and what was sealed. */
export const openedBeneficiaryOf = (
  { name, type }: VisibleBeneficiary,
  opened: Pick<Beneficiary, "account" | "address">,
): Beneficiary =>
  type === undefined && opened.address === undefined
    ? { name, account: opened.account }
    : { name, ...(type !== undefined && { type }), ...opened }

/**
 * The country that the IBAN or BIC names. An IBAN with the prefix of its country may belong to a bank in a territory that is
 * outside SEPA, as in New Caledonia: there it is the territory that the BIC names, so that schemes, rules and screening see it.
 */
const countryOf = (account: BeneficiaryAccount): string | undefined => {
  switch (account.scheme) {
    case "iban": {
      const territory = account.bic === undefined ? undefined : countryOfBic(account.bic)
      return territory !== undefined && isOutsideSepa(territory) ? territory : account.iban.slice(0, 2)
    }
    case "bic":
      return countryOfBic(account.bic)
    default:
      return undefined
  }
}

/** "iban …3000": an account for people to recognise. */
export const maskedAccount = ({ scheme, lastFour }: VisibleAccount): string => `${scheme} …${lastFour}`

/** So many characters of an account in a row give it away; fewer stand in many a harmless sentence. */
const QUOTE_LENGTH_MIN = 6
/** Of the parts of this length that a number is cut into, each quote contains one. Few texts do. */
const PART_LENGTH = QUOTE_LENGTH_MIN / 2

/**
 * Whether a text quotes an account, whatever stands between its characters. Banks know an account by its domestic
 * number, so a part of an IBAN is as telling as the whole.
 */
export const quotesAccount = (text: string, account: BeneficiaryAccount): boolean => {
  const letters = lettersOf(text)
  const number = lettersOf(
    account.scheme === "email" ? tellingPartOf(account.email) : accountNumberOf(account),
  )
  if (!hasAnyPart(letters, number)) return false
  for (let from = 0; from + QUOTE_LENGTH_MIN <= number.length; from += 1) {
    if (letters.includes(number.slice(from, from + QUOTE_LENGTH_MIN))) return true
  }
  return false
}

const lettersOf = (text: string): string => text.replaceAll(/[^0-9A-Za-z]/g, "").toUpperCase()

/** Many addresses share a domain, which tells nothing; a short name before it stands in many a text, and tells with it. */
const tellingPartOf = (email: string): string => {
  const name = email.slice(0, email.lastIndexOf("@"))
  return lettersOf(name).length < QUOTE_LENGTH_MIN ? email : name
}

const hasAnyPart = (letters: string, number: string): boolean => {
  for (let from = 0; from + PART_LENGTH <= number.length; from += PART_LENGTH)
    if (letters.includes(number.slice(from, from + PART_LENGTH))) return true
  return false
}
