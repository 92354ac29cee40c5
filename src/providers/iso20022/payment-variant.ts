/**
 * How one bank wants its pain.001: the version of the message, and what a bank may choose within it. The elements that differ between
 * the versions are those of ISO 20022's schemas.
 */
import type { BankScheme } from "../../domain/scheme.ts"
import type { CharacterSet } from "./payment-text.ts"

/** The versions that are written. */
export const messages = ["pain.001.001.03", "pain.001.001.08", "pain.001.001.09", "pain.001.001.11"] as const
export type Message = (typeof messages)[number]

/** What a version has, of what is written here. */
export interface MessageForm {
  /** The element with the BIC of a bank, and with that of another organisation. */
  readonly bank: "BIC" | "BICFI"
  readonly organisation: "BICOrBEI" | "AnyBIC"
  /** Whether the day of execution is in an element `Dt` of its own. */
  readonly hasDayChoice: boolean
  readonly hasUetr: boolean
  readonly hasLei: boolean
  /** Whether a BIC may have digits before its country, and any second character of its location (ISO 9362 as of 2014). */
  readonly takesNewBics: boolean
}

export const messageForms: Readonly<Record<Message, MessageForm>> = {
  "pain.001.001.03": {
    bank: "BIC",
    organisation: "BICOrBEI",
    hasDayChoice: false,
    hasUetr: false,
    hasLei: false,
    takesNewBics: false,
  },
  "pain.001.001.08": {
    bank: "BICFI",
    organisation: "AnyBIC",
    hasDayChoice: true,
    hasUetr: false,
    hasLei: false,
    takesNewBics: false,
  },
  "pain.001.001.09": {
    bank: "BICFI",
    organisation: "AnyBIC",
    hasDayChoice: true,
    hasUetr: true,
    hasLei: true,
    takesNewBics: true,
  },
  "pain.001.001.11": {
    bank: "BICFI",
    organisation: "AnyBIC",
    hasDayChoice: true,
    hasUetr: true,
    hasLei: true,
    takesNewBics: true,
  },
}

/** The namespace that ISO 20022 gives a version. */
export const namespaceOf = (message: Message): string => `urn:iso:std:iso:20022:tech:xsd:${message}`

/** Whether a version has room for a BIC. */
export const isWritableBic = (bic: string, message: Message): boolean =>
  messageForms[message].takesNewBics || /^[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?$/.test(bic)

/**
 * Service levels of ISO 20022's ExternalServiceLevel1Code that a bank may ask for: SEPA, urgent, urgent by net settlement, not urgent,
 * of the same day, and as an EBA Priority Service.
 */
export const serviceLevels = ["SEPA", "URGP", "URNS", "NURG", "SDVA", "PRPT"] as const
export type ServiceLevel = (typeof serviceLevels)[number]

/** Who bears the charges (ChargeBearerType1Code): as the service level says, shared, the debtor, the creditor. */
export const chargeBearers = ["SLEV", "SHAR", "DEBT", "CRED"] as const
export type ChargeBearer = (typeof chargeBearers)[number]

/** References that are recognised in a remittance, and written as such. */
export const referenceKinds = ["iso-11649", "swiss-qr"] as const
export type ReferenceKind = (typeof referenceKinds)[number]

/** Documents that a remittance may be the number of (DocumentType5Code and DocumentType6Code). */
export const documentKinds = ["CINV", "CREN", "DEBN", "SOAC", "VCHR"] as const
export type DocumentKind = (typeof documentKinds)[number]

/** What is written in payments of one scheme. */
export interface SchemeVariant {
  readonly serviceLevel: ServiceLevel | undefined
  readonly charges: ChargeBearer
  readonly characters: CharacterSet
  /** Characters of the beneficiary's name and of the remittance, after respelling. */
  readonly nameLengthMax: number
  readonly remittanceLengthMax: number
}

export interface PaymentVariant {
  readonly message: Message
  readonly namespace: string
  /** Whether the bank books a file in one sum. */
  readonly batchBooking: boolean
  /** Whether SEPA payments are instant ones. */
  readonly instant: boolean
  readonly uetr: boolean
  /** Whether addresses may have free lines beside their fields. */
  readonly addressLines: boolean
  readonly priority: "HIGH" | "NORM" | undefined
  readonly categoryPurpose: string | undefined
  readonly purpose: string | undefined
  readonly references: ReadonlyArray<ReferenceKind>
  readonly document: DocumentKind | undefined
  readonly schemes: Readonly<Record<BankScheme, SchemeVariant>>
}
