/**
 * Variants of pain.001 that a market agreed on, as data: what each changes of what is written where nothing is said. A bank of that
 * market may want something else again, which its settings then say beside the preset. docs/providers/files.md shows them as a table.
 */
import type { BankScheme } from "../../../domain/scheme.ts"
import type { CharacterSet } from "../../iso20022/payment-text.ts"
import type { ChargeBearer, Message, ReferenceKind, ServiceLevel } from "../../iso20022/payment-variant.ts"

type ByScheme<A> = Readonly<Partial<Record<BankScheme, A>>>

/** Lengths of the beneficiary's name and of the remittance, in characters. */
interface Lengths {
  readonly name?: number
  readonly remittance?: number
}

export interface Preset {
  /** What says so: document and version. */
  readonly source: string
  readonly message: Message
  readonly characters?: ByScheme<CharacterSet>
  readonly serviceLevels?: ByScheme<ServiceLevel>
  readonly charges?: ByScheme<ChargeBearer>
  readonly lengths?: ByScheme<Lengths>
  /** The longest name of any party. */
  readonly namesLengthMax?: number
  readonly references?: ReadonlyArray<ReferenceKind>
  readonly addressLines?: boolean
}

const inAllSchemes = <A>(value: A): ByScheme<A> => ({
  sepa: value,
  "faster-payments": value,
  ach: value,
  "cross-border": value,
})

export const presetNames = [
  "sepa",
  "sepa-03",
  "germany",
  "germany-03",
  "switzerland",
  "nordics",
  "nordics-03",
  "united-kingdom",
  "united-states",
  "cgi-mp",
  "cgi-mp-03",
  "cbpr-plus",
] as const
export type PresetName = (typeof presetNames)[number]

const german = { characters: { sepa: "german" }, references: ["iso-11649"] } as const
const nordic = { characters: inAllSchemes("iso-8859-1" as const), references: ["iso-11649"] } as const
const global = {
  serviceLevels: { ach: "NURG", "faster-payments": "URNS", "cross-border": "URGP" },
  references: ["iso-11649"],
} as const

export const presets: Readonly<Record<PresetName, Preset>> = {
  sepa: {
    source: "EPC132-08 and EPC121-16, 2025 version 1.0",
    message: "pain.001.001.09",
    references: ["iso-11649"],
  },
  "sepa-03": {
    source: "EPC132-08, 2021 version 1.0; addresses as EPC153-22 asks for since",
    message: "pain.001.001.03",
    references: ["iso-11649"],
  },
  germany: {
    source: "Deutsche Kreditwirtschaft, DFÜ Agreement, Annex 3 as of version 3.7",
    message: "pain.001.001.09",
    ...german,
  },
  "germany-03": {
    source: "Deutsche Kreditwirtschaft, DFÜ Agreement, Annex 3, versions 3.0 to 3.6",
    message: "pain.001.001.03",
    ...german,
  },
  switzerland: {
    source: "SIX, Swiss Payment Standards, implementation guidelines for credit transfers, version 2.x",
    message: "pain.001.001.09",
    characters: inAllSchemes("swiss" as const),
    namesLengthMax: 70,
    references: ["iso-11649", "swiss-qr"],
  },
  nordics: {
    source: "Message implementation guidelines of Danske Bank and Nordea, for pain.001.001.09",
    message: "pain.001.001.09",
    ...nordic,
  },
  "nordics-03": {
    source: "Message implementation guidelines of Danske Bank and Nordea, for pain.001.001.03",
    message: "pain.001.001.03",
    ...nordic,
  },
  "united-kingdom": {
    source:
      "ISO 20022 external code sets (URNS); Pay.UK, Faster Payments: 18 characters of reference, 40 of a name",
    message: "pain.001.001.09",
    serviceLevels: { "faster-payments": "URNS" },
    lengths: { "faster-payments": { name: 40, remittance: 18 } },
  },
  "united-states": {
    source:
      "ISO 20022 external code sets (NURG, URGP); Nacha Operating Rules, Appendix Three: lengths of PPD and CCD",
    message: "pain.001.001.09",
    serviceLevels: { ach: "NURG", "cross-border": "URGP" },
    lengths: { ach: { name: 22, remittance: 80 } },
  },
  "cgi-mp": {
    source: "Common Global Implementation (CGI-MP), customer credit transfer initiation, for pain.001.001.09",
    message: "pain.001.001.09",
    ...global,
  },
  "cgi-mp-03": {
    source: "Common Global Implementation (CGI-MP), customer credit transfer initiation, for pain.001.001.03",
    message: "pain.001.001.03",
    ...global,
  },
  "cbpr-plus": {
    source: "SWIFT, CBPR+ usage guidelines: structured and hybrid addresses, and the extended characters",
    message: "pain.001.001.09",
    serviceLevels: { "cross-border": "URGP" },
    references: ["iso-11649"],
  },
}
