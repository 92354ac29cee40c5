/** The settings of a bank of the kind `files`, in addition to those of every bank, and what such a bank can be sent. */
import { Result, Schema } from "effect"
import {
  ADDRESS_LENGTHS_MAX,
  ADDRESS_LINE_LENGTH_MAX,
  type Address,
  BankAccount,
  Beneficiary,
} from "../../../domain/beneficiary.ts"
import { PartnerId } from "../../../domain/identifiers.ts"
import { bankSchemes } from "../../../domain/scheme.ts"
import type { OrganisationIds } from "../../iso20022/payment-parties.ts"
import { isIdentifier, spelled } from "../../iso20022/payment-text.ts"
import { isWritableBic, messageForms } from "../../iso20022/payment-variant.ts"
import {
  ACCOUNT_LENGTH_MAX,
  NAME_LENGTH_MAX as ACH_NAME_LENGTH_MAX,
  REMITTANCE_LENGTH_MAX as ADDENDA_LENGTH_MAX,
  ENTRY_MINOR_MAX,
} from "../../nacha/nacha-file.ts"
import { NachaSettings } from "../../nacha/nacha-settings.ts"
import type { FileLimits, FileSchemeLimits } from "../bank-limits.ts"
import {
  messageOf,
  NAME_LENGTH_MAX,
  namesLengthMaxOf,
  VariantSettings,
  variantLimits,
  variantOf,
  variantProblems,
} from "./variant-settings.ts"

const milliseconds = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

export const ORDERS_PER_FILE_MAX = 10_000
export const EVERY_MS = 900_000
/** From midnight to the cut-off at 16:00, a bank of Nacha gets 32 files; it takes 36 a day. */
export const NACHA_EVERY_MS = 1_800_000
export const POLL_MS = 1_000

/** 999,999,999.99 EUR (EPC125-05 rulebook, AT-T002). */
const SEPA_MINOR_MAX = 99_999_999_999n

const Identifier = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      isIdentifier(text) ||
      "expected 1 to 35 characters of SEPA's Latin set, with no slash or space at the ends and no two slashes in a row",
  ),
)

/** How the debtor is identified besides its name (ISO 20022 OrganisationIdentification29). */
const Organisation = Schema.Struct({
  bic: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/, { message: "expected a BIC" }),
    ),
  ),
  /** ISO 17442. */
  lei: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[A-Z0-9]{18}[0-9]{2}$/, { message: "expected an LEI" })),
  ),
  other: Schema.optionalKey(
    Schema.Struct({
      id: Identifier,
      /** A code of ISO 20022's external list of schemes, such as CUST or TXID. */
      scheme: Schema.optionalKey(
        Schema.String.check(Schema.isPattern(/^[A-Z0-9]{1,4}$/, { message: "expected a code such as CUST" })),
      ),
      issuer: Schema.optionalKey(Identifier),
    }),
  ),
}).check(Schema.makeFilter((ids) => Object.keys(ids).length > 0 || "expected bic, lei or other"))

/** A text of the settings that every file of the bank can have. */
const writable = (text: string | undefined, lengthMax: number): boolean => {
  if (text === undefined) return true
  const latin = spelled(text, "latin")
  return Result.isSuccess(latin) && latin.success.length <= lengthMax
}

const isWritableAddress = (address: Address): boolean =>
  (["street", "buildingNumber", "postcode", "town"] as const).every((field) =>
    writable(address[field], ADDRESS_LENGTHS_MAX[field]),
  ) && (address.lines ?? []).every((line) => writable(line, ADDRESS_LINE_LENGTH_MAX))

/** The account that the money leaves, and its owner. Each file contains it, so it is checked when the settings are read. */
export const Debtor = Schema.Struct({
  name: Beneficiary.fields.name,
  account: BankAccount,
  address: Beneficiary.fields.address,
  organisation: Schema.optionalKey(Organisation),
}).check(
  Schema.makeFilter(({ name, address }) => {
    if (!writable(name, NAME_LENGTH_MAX))
      return `the name has characters that files do not have, or more than ${NAME_LENGTH_MAX}`
    return (
      address === undefined ||
      isWritableAddress(address) ||
      "the address has characters that files do not have, or a field is too long"
    )
  }),
)
export type Debtor = typeof Debtor.Type

/** On whose behalf a partner's payouts are paid, as files name it. */
const UltimateDebtor = Schema.Struct({
  name: Beneficiary.fields.name,
  organisation: Schema.optionalKey(Organisation),
})

/** Partners whose names a bank's settings may have. */
const ULTIMATE_DEBTORS_MAX = 1_000

const UltimateDebtors = Schema.Record(PartnerId, UltimateDebtor).check(
  Schema.makeFilter(
    (all) =>
      Object.keys(all).length <= ULTIMATE_DEBTORS_MAX || `expected at most ${ULTIMATE_DEBTORS_MAX} partners`,
  ),
)

/** Standard entry classes of Nacha's rules for credits: to consumers, and to companies. */
export const AchClass = Schema.Literals(["PPD", "CCD"])
export type AchClass = typeof AchClass.Type

export const FileBankSettings = Schema.Struct({
  /** The folder with outbox, inbox, archive and quarantine, which must be on one file system. */
  folder: Schema.NonEmptyString,
  debtor: Debtor,
  /** What its files are: pain.001 of ISO 20022 by default. */
  format: Schema.optionalKey(Schema.Literals(["pain.001", "nacha"])),
  /** What was agreed on for files of Nacha; only, and always, with the format `nacha`. */
  nacha: Schema.optionalKey(NachaSettings),
  /** The schemes that the bank pays by; all by default. */
  schemes: Schema.optionalKey(Schema.NonEmptyArray(Schema.Literals(bankSchemes)).check(Schema.isUnique())),
  crossBorder: Schema.optionalKey(
    Schema.Struct({
      /** `extended` by default, the characters of CBPR+; `latin` for a bank that passes payments on as SWIFT MT. */
      characters: Schema.optionalKey(Schema.Literals(["latin", "extended"])),
      /** `required` by default: a payment across borders says where its beneficiary is. */
      address: Schema.optionalKey(Schema.Literals(["required", "optional"])),
    }),
  ),
  /** The class of ACH payments to an account of which nobody said who holds it; PPD by default. */
  achClass: Schema.optionalKey(AchClass),
  /** Whether transfers say their UETR; they do by default. */
  uetr: Schema.optionalKey(Schema.Boolean),
  /** How long an order waits for others at most. */
  everyMs: Schema.optionalKey(milliseconds(86_400_000)),
  /** The number of orders at which a file is sent at once; no file has more. */
  ordersMax: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: ORDERS_PER_FILE_MAX })),
  ),
  /** The time between two passes over the folders. */
  pollMs: Schema.optionalKey(milliseconds(3_600_000)),
  /** How its files are written: a preset, or field by field. As docs/BANK-FILES.md says, by default. */
  variant: Schema.optionalKey(VariantSettings),
  /** By partner: on whose behalf the debtor pays that partner's payouts. */
  ultimateDebtors: Schema.optionalKey(UltimateDebtors),
}).check(
  Schema.makeFilter(({ format, nacha, schemes, debtor, variant, ultimateDebtors }) => {
    if ((format === "nacha") !== (nacha !== undefined))
      return "the format nacha and the settings nacha belong together"
    if (format !== "nacha") return true
    if (schemes?.some((scheme) => scheme !== "ach")) return "files of Nacha pay by ach alone"
    if (variant !== undefined || ultimateDebtors !== undefined)
      return "files of Nacha have no variant and no ultimateDebtors: these are for pain.001"
    return debtor.account.scheme === "aba" || "files of Nacha are paid from an account in the US"
  }),
  Schema.makeFilter((settings) => (settings.format === "nacha" ? [] : settingsProblems(settings))),
)
export type FileBankSettings = typeof FileBankSettings.Type

interface Checked extends FileLimitChoice {
  readonly debtor: Debtor
  readonly uetr?: boolean
  readonly ultimateDebtors?: Readonly<Record<string, typeof UltimateDebtor.Type>>
}

/** What does not go together, each with its place. */
const settingsProblems = (settings: Checked) => {
  const { debtor, schemes: paid = bankSchemes, variant, ultimateDebtors = {} } = settings
  const problems = [...variantProblems(settings, paid)]
  const lengthMax = namesLengthMaxOf(variant, paid)
  const checkParty = (
    path: ReadonlyArray<string>,
    { name, organisation }: { readonly name: string; readonly organisation?: OrganisationIds },
  ): void => {
    if (!writable(name, lengthMax))
      problems.push({ path: [...path, "name"], issue: nameIssue(name, lengthMax) })
    const message = messageOf(variant)
    if (organisation?.lei !== undefined && !messageForms[message].hasLei)
      problems.push({ path: [...path, "organisation", "lei"], issue: `${message} has no field for an LEI` })
    if (organisation?.bic !== undefined && !isWritableBic(organisation.bic, message))
      problems.push({ path: [...path, "organisation", "bic"], issue: bicIssue(message) })
  }
  checkParty(["debtor"], debtor)
  for (const [partner, party] of Object.entries(ultimateDebtors))
    checkParty(["ultimateDebtors", partner], party)
  const { account, address } = debtor
  const bic = account.scheme === "iban" || account.scheme === "bic" ? account.bic : undefined
  if (bic !== undefined && !isWritableBic(bic, messageOf(variant)))
    problems.push({ path: ["debtor", "account", "bic"], issue: bicIssue(messageOf(variant)) })
  if (address?.lines !== undefined && !variantOf(settings).addressLines)
    problems.push({ path: ["debtor", "address", "lines"], issue: "the variant takes no lines" })
  return problems
}

const bicIssue = (message: string): string => `${message} has no room for such a BIC`

const nameIssue = (name: string, lengthMax: number): string =>
  writable(name, NAME_LENGTH_MAX)
    ? `the name has more than the ${lengthMax} characters that the bank's schemes and its variant take`
    : `the name has characters that files do not have, or more than ${NAME_LENGTH_MAX}`

type FileLimitChoice = Pick<FileBankSettings, "format" | "schemes" | "crossBorder" | "variant">

/** Nacha Operating Rules, Appendix Three: printable ASCII, which the extended set is; and the lengths of PPD and CCD. */
export const nachaLimits: FileSchemeLimits = {
  characters: "extended",
  nameLengthMax: ACH_NAME_LENGTH_MAX,
  remittanceLengthMax: ADDENDA_LENGTH_MAX,
  accountLengthMax: ACCOUNT_LENGTH_MAX,
  minorMax: ENTRY_MINOR_MAX,
}

/** What a bank can be sent in files. */
export const fileLimits = (settings: FileLimitChoice): FileLimits => {
  if (settings.format === "nacha") return { ach: nachaLimits }
  const { schemes: paid = bankSchemes, crossBorder: { address = "required" } = {} } = settings
  const variant = variantOf(settings)
  const limitsOf = (scheme: (typeof bankSchemes)[number]): FileSchemeLimits => ({
    ...variantLimits(variant, scheme),
    ...(scheme === "sepa" && { minorMax: SEPA_MINOR_MAX }),
    ...(scheme === "cross-border" && { needsAddress: address === "required" }),
  })
  return Object.fromEntries(paid.map((scheme) => [scheme, limitsOf(scheme)]))
}

/**
 * Whether files would lack what payments to beneficiaries outside of the EEA have to name: the payer's address (Regulation (EU)
 * 2023/1113, and the EPC125-05 rulebook for SEPA's countries that are not in the EEA).
 */
export const lacksDebtorAddress = ({
  debtor,
  format,
  schemes: paid = bankSchemes,
}: Pick<FileBankSettings, "debtor" | "format" | "schemes">): boolean =>
  format !== "nacha" &&
  debtor.address === undefined &&
  paid.some((scheme) => scheme === "sepa" || scheme === "cross-border")

/** The IBAN that a bank pays from, if its settings name the account by one. */
export const ibanOf = ({ debtor: { account } }: Pick<FileBankSettings, "debtor">): string | undefined =>
  account.scheme === "iban" ? account.iban : undefined
