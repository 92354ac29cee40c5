/** The field `variant` of a bank of the kind `files`: a preset, or what its bank wants, or a preset and where its bank differs. */
import { Schema } from "effect"
import { type BankScheme, bankSchemes } from "../../../domain/scheme.ts"
import { isQrAccount, isQrReference } from "../../iso20022/creditor-reference.ts"
import { type CharacterSet, characterSets } from "../../iso20022/payment-text.ts"
import {
  chargeBearers,
  documentKinds,
  isWritableBic,
  type Message,
  messageForms,
  messages,
  namespaceOf,
  type PaymentVariant,
  referenceKinds,
  type SchemeVariant,
  type ServiceLevel,
  serviceLevels,
} from "../../iso20022/payment-variant.ts"
import type { FileSchemeLimits } from "../bank-limits.ts"
import { categoryPurposes } from "./category-purposes.ts"
import { type Preset, presetNames, presets } from "./variant-presets.ts"

/** EPC125-05 rulebook, AT-P001 and AT-E001: names of payer and beneficiary. */
export const SEPA_NAME_LENGTH_MAX = 70
/** EPC125-05 rulebook, AT-T009, and ISO 20022: unstructured remittance. */
const REMITTANCE_LENGTH_MAX = 140
/** ISO 20022: names. */
export const NAME_LENGTH_MAX = 140

const byScheme = <S extends Schema.Top>(value: S) =>
  Schema.Struct(
    Object.fromEntries(bankSchemes.map((scheme) => [scheme, Schema.optionalKey(value)])) as {
      readonly [Name in BankScheme]: Schema.optionalKey<S>
    },
  )

const length = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 140 })))

/** What a bank wants, where it is not as the preset has it. */
const VariantFields = Schema.Struct({
  preset: Schema.optionalKey(Schema.Literals(presetNames)),
  message: Schema.optionalKey(Schema.Literals(messages)),
  /** That of the message by default. */
  namespace: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-Z_a-z~]{1,200}$/, {
        message: "expected the URI of a namespace, such as urn:iso:std:iso:20022:tech:xsd:pain.001.003.03",
      }),
    ),
  ),
  batchBooking: Schema.optionalKey(Schema.Boolean),
  /** SEPA Instant Credit Transfers, instead of SEPA Credit Transfers. */
  instant: Schema.optionalKey(Schema.Boolean),
  priority: Schema.optionalKey(Schema.Literals(["HIGH", "NORM"])),
  serviceLevels: Schema.optionalKey(byScheme(Schema.Literals(serviceLevels))),
  charges: Schema.optionalKey(byScheme(Schema.Literals(chargeBearers))),
  characters: Schema.optionalKey(byScheme(Schema.Literals(characterSets))),
  lengths: Schema.optionalKey(byScheme(Schema.Struct({ name: length, remittance: length }))),
  addressLines: Schema.optionalKey(Schema.Boolean),
  categoryPurpose: Schema.optionalKey(Schema.Literals(categoryPurposes)),
  /** A code of ISO 20022's ExternalPurpose1Code, of which there are more every quarter. */
  purpose: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[A-Z][A-Z0-9]{3}$/, { message: "expected a code such as SUPP" })),
  ),
  references: Schema.optionalKey(Schema.Array(Schema.Literals(referenceKinds)).check(Schema.isUnique())),
  /** What the remittance is the number of, if it is always one. */
  document: Schema.optionalKey(Schema.Literals(documentKinds)),
})
type VariantFields = typeof VariantFields.Type

export const VariantSettings = Schema.Union([Schema.Literals(presetNames), VariantFields])
export type VariantSettings = typeof VariantSettings.Type

/** The settings of a bank that decide how its files are written. */
export interface VariantChoice {
  readonly variant?: VariantSettings
  readonly uetr?: boolean
  readonly crossBorder?: { readonly characters?: CharacterSet }
}

/** The fields of a variant, and the preset that they change. */
const fieldsOf = (settings: VariantSettings | undefined): readonly [VariantFields, Preset | undefined] => {
  if (settings === undefined) return [{}, undefined]
  if (typeof settings === "string") return [{}, presets[settings]]
  return [settings, settings.preset === undefined ? undefined : presets[settings.preset]]
}

/** The version of the message that a bank is sent. */
export const messageOf = (settings: VariantSettings | undefined): Message => {
  const [own, preset] = fieldsOf(settings)
  return own.message ?? preset?.message ?? "pain.001.001.09"
}

/** The longest name of a party whose payments go by some schemes, in characters. */
export const namesLengthMaxOf = (
  settings: VariantSettings | undefined,
  schemes: ReadonlyArray<BankScheme>,
): number => {
  const [, preset] = fieldsOf(settings)
  return Math.min(
    schemes.includes("sepa") ? SEPA_NAME_LENGTH_MAX : NAME_LENGTH_MAX,
    preset?.namesLengthMax ?? NAME_LENGTH_MAX,
  )
}

/** How a bank's files are written. */
export const variantOf = ({ variant, uetr, crossBorder }: VariantChoice): PaymentVariant => {
  const [own, preset] = fieldsOf(variant)
  const message = messageOf(variant)
  const schemeVariant = (scheme: BankScheme): SchemeVariant => {
    const isSepa = scheme === "sepa"
    const plain: ServiceLevel | undefined = isSepa ? "SEPA" : undefined
    const serviceLevel = own.serviceLevels?.[scheme] ?? preset?.serviceLevels?.[scheme] ?? plain
    const usual: CharacterSet = scheme === "cross-border" ? (crossBorder?.characters ?? "extended") : "latin"
    return {
      serviceLevel,
      charges:
        own.charges?.[scheme] ?? preset?.charges?.[scheme] ?? (serviceLevel === "SEPA" ? "SLEV" : "SHAR"),
      characters: own.characters?.[scheme] ?? preset?.characters?.[scheme] ?? usual,
      nameLengthMax: Math.min(
        own.lengths?.[scheme]?.name ?? preset?.lengths?.[scheme]?.name ?? NAME_LENGTH_MAX,
        namesLengthMaxOf(variant, [scheme]),
      ),
      remittanceLengthMax:
        own.lengths?.[scheme]?.remittance ?? preset?.lengths?.[scheme]?.remittance ?? REMITTANCE_LENGTH_MAX,
    }
  }
  return {
    message,
    namespace: own.namespace ?? namespaceOf(message),
    batchBooking: own.batchBooking ?? false,
    instant: own.instant ?? false,
    uetr: uetr ?? messageForms[message].hasUetr,
    addressLines: own.addressLines ?? preset?.addressLines ?? true,
    priority: own.priority,
    categoryPurpose: own.categoryPurpose,
    purpose: own.purpose,
    references: own.references ?? preset?.references ?? [],
    document: own.document,
    schemes: {
      sepa: schemeVariant("sepa"),
      "faster-payments": schemeVariant("faster-payments"),
      ach: schemeVariant("ach"),
      "cross-border": schemeVariant("cross-border"),
    },
  }
}

/** What payments of one scheme may be, as far as the variant decides it. */
export const variantLimits = (variant: PaymentVariant, scheme: BankScheme): FileSchemeLimits => {
  const { characters, nameLengthMax, remittanceLengthMax } = variant.schemes[scheme]
  return {
    characters,
    nameLengthMax,
    remittanceLengthMax,
    takesAddressLines: variant.addressLines,
    refusalOf: (account, remittance) => {
      // Such an account cannot be found without its bank's BIC.
      if (account.scheme === "bic" && !isWritableBic(account.bic, variant.message)) return "AG03"
      if (!variant.references.includes("swiss-qr") || !isQrAccount(account)) return undefined
      return isQrReference((remittance ?? "").replaceAll(" ", "")) ? undefined : "RR07"
    },
  }
}

interface Problem {
  readonly path: ReadonlyArray<PropertyKey>
  readonly issue: string
}

/** What does not go together in the settings of a variant. */
export const variantProblems = (
  choice: VariantChoice,
  schemes: ReadonlyArray<BankScheme>,
): ReadonlyArray<Problem> => {
  const [own, preset] = fieldsOf(choice.variant)
  const variant = variantOf(choice)
  const problems: Array<Problem> = []
  const hold = (holds: boolean, path: ReadonlyArray<PropertyKey>, issue: string): void => {
    if (!holds) problems.push({ path, issue })
  }
  const { serviceLevel, charges } = variant.schemes.sepa
  hold(!variant.instant || schemes.includes("sepa"), ["variant", "instant"], "the bank does not pay by SEPA")
  hold(
    !variant.instant || serviceLevel === "SEPA",
    ["variant", "instant"],
    `instant payments have the service level SEPA, and not ${serviceLevel}`,
  )
  hold(
    serviceLevel !== "SEPA" || charges === "SLEV",
    ["variant", "charges", "sepa"],
    "payments with the service level SEPA have the charges SLEV (EPC132-08)",
  )
  for (const scheme of bankSchemes.filter((each) => each !== "sepa"))
    hold(
      variant.schemes[scheme].serviceLevel !== "SEPA",
      ["variant", "serviceLevels", scheme],
      "only SEPA has the service level SEPA",
    )
  for (const field of ["serviceLevels", "charges", "characters", "lengths"] as const)
    for (const scheme of bankSchemes)
      hold(
        own[field]?.[scheme] === undefined || schemes.includes(scheme),
        ["variant", field, scheme],
        "the bank does not pay by this scheme",
      )
  hold(
    choice.uetr !== true || messageForms[variant.message].hasUetr,
    ["uetr"],
    `${variant.message} has no field for a UETR`,
  )
  hold(
    choice.crossBorder?.characters === undefined ||
      (own.characters?.["cross-border"] ?? preset?.characters?.["cross-border"]) === undefined,
    ["crossBorder", "characters"],
    "the variant says them already",
  )
  return problems
}
