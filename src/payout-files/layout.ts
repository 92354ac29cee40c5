/** How a kind of spreadsheet names what a payout needs. Each kind is data, in one file of `layouts/`. */
import type { BeneficiaryType } from "../domain/beneficiary.ts"
import type { DecimalNotation } from "./decimal-notation.ts"

export const payoutColumns = [
  "reference",
  "currency",
  "amount",
  "name",
  "iban",
  "bic",
  "sort_code",
  "account_number",
  "routing_number",
  "account_type",
  "email",
  "phone",
  "paypal_id",
  "type",
  "remittance",
] as const
export type PayoutColumn = (typeof payoutColumns)[number]

/** The fields of a beneficiary's structured address. */
export const addressFields = ["street", "buildingNumber", "postcode", "town", "country"] as const
/** The free lines beside them. */
export const addressLines = ["line1", "line2"] as const
export type AddressField = (typeof addressFields)[number] | (typeof addressLines)[number]

export interface Layout {
  /** As people call it. */
  readonly name: string
  /** Where its owner published the columns, and when they were read there. */
  readonly source: string
  /** Columns by which it is recognised; none may be missing. */
  readonly required: ReadonlyArray<string>
  /** The file's name for each of our columns that it has. */
  readonly columns: Readonly<Partial<Record<PayoutColumn, string>>>
  /** The column that names wallets of all schemes: an e-mail address, a telephone number or a PayPal id. */
  readonly recipient?: string
  /** What it calls a person or a company, in lower case; other words say nothing. Where it is absent, the column has our own words. */
  readonly types?: Readonly<Record<string, BeneficiaryType>>
  /** It takes "eur" for EUR. */
  readonly currencyInAnyCase?: boolean
  /** What items are called whose cell of the reference may be empty. */
  readonly unnamed?: string
  /** Why a row without a beneficiary's name is refused, where others expect none. */
  readonly nameless?: string
  /** The file's name for each field of the beneficiary's address that it has. */
  readonly address?: Readonly<Partial<Record<AddressField, string>>>
  /** It writes the country of an address by its English name. */
  readonly namesCountries?: boolean
  /** Columns that may be filled and do not matter to a payment. */
  readonly ignored: ReadonlyArray<string>
  /** How it writes amounts; as the API does where it does not say. */
  readonly notation?: DecimalNotation
  /** One reference may stand on many rows: it names the payment order, and each row gets a reference of its own. */
  readonly sharesReferences?: boolean
  /** A column whose cells must be those of another one, and what it would mean if they were not. */
  readonly equal?: { readonly column: string; readonly to: string; readonly reason: string }
  /** The only words that a column may have, in capitals, and why others are refused. */
  readonly only?: {
    readonly column: string
    readonly words: ReadonlyArray<string>
    readonly reason: string
  }
  /** Columns that must be empty, and why. */
  readonly refused?: Readonly<Record<string, string>>
  /** Why no row of it can be paid. */
  readonly unpayable?: string
  /** Recognises it by its first row, where it has no header. */
  readonly firstRow?: (cells: ReadonlyArray<string>) => boolean
  /** Its columns in their order, where it has no header. */
  readonly positions?: ReadonlyArray<string>
}

/** All of a layout's columns that may be filled. */
export const knownColumns = ({
  columns,
  address = {},
  ignored,
  equal,
  only,
  recipient,
  required,
}: Layout): ReadonlyArray<string> => [
  ...new Set([
    ...required,
    ...Object.values(columns),
    ...Object.values(address),
    ...ignored,
    ...(equal === undefined ? [] : [equal.column]),
    ...(only === undefined ? [] : [only.column]),
    ...(recipient === undefined ? [] : [recipient]),
  ]),
]
