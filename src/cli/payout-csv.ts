/** Rows of a CSV file as items of a payout batch. docs/CLI.md shows the columns of each format. */
import type { CsvRow, FileProblem } from "./csv-table.ts"

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
  "remittance",
] as const
export type PayoutColumn = (typeof payoutColumns)[number]

/** The columns of one kind of file. */
export interface CsvFormat {
  readonly name: string
  /** Columns by which the kind is recognised. */
  readonly required: ReadonlyArray<string>
  /** The file's name of each of our columns that it has. */
  readonly columns: Readonly<Partial<Record<PayoutColumn, string>>>
  /** Columns that may be filled, and do not matter for a payment. */
  readonly ignored: ReadonlyArray<string>
  /** Problems of a row as a whole. */
  readonly problemOf?: (cell: (column: string) => string) => FileProblem | undefined
}

/** Our own columns, one row for each payout. */
export const payoutCsv: CsvFormat = {
  name: "payouts",
  required: ["reference", "currency", "amount", "name"],
  columns: Object.fromEntries(payoutColumns.map((column) => [column, column])),
  ignored: [],
}

/** An item as the API takes it, not yet checked. */
export type DraftItem = Readonly<Record<string, unknown>>

/** Reads rows by the names in the header. A row results in a draft or in its problems. */
export const rowReader = (format: CsvFormat, header: ReadonlyArray<string>) => {
  const names = header.map((name) => name.toLowerCase())
  const known = new Set(
    [...Object.values(format.columns), ...format.ignored].map((name) => name.toLowerCase()),
  )
  return ({ line, cells }: CsvRow): DraftItem | FileProblem => {
    const theirs = (column: string) => cells[names.indexOf(column.toLowerCase())] ?? ""
    const ours = (column: PayoutColumn) => theirs(format.columns[column] ?? "")
    const stray = cells.findIndex((cell, index) => cell !== "" && !known.has(names[index] ?? ""))
    if (stray >= names.length) return { line, reason: `${cells.length} cells under ${names.length} columns` }
    if (stray >= 0) return { line, column: header[stray], reason: "filled, but the column is unknown" }
    const problem = format.problemOf?.(theirs) ?? accountProblem(format, ours)
    return problem === undefined ? draftOf(ours) : { line, ...problem }
  }
}

export const isProblem = (row: DraftItem | FileProblem): row is FileProblem => "reason" in row

type Cells = (column: PayoutColumn) => string

const draftOf = (cell: Cells): DraftItem => ({
  reference: cell("reference"),
  amount: { currency: cell("currency"), value: cell("amount") },
  beneficiary: { name: cell("name"), account: accountOf(cell) },
  ...(cell("remittance") === "" ? {} : { remittance: cell("remittance") }),
})

/** The column that each scheme requires, and all columns that it uses. The first scheme whose column is filled counts. */
const schemes: ReadonlyArray<{ scheme: string; uses: ReadonlyArray<keyof typeof accountFields> }> = [
  { scheme: "iban", uses: ["iban", "bic"] },
  { scheme: "sort-code", uses: ["sort_code", "account_number"] },
  { scheme: "aba", uses: ["routing_number", "account_number", "account_type"] },
  { scheme: "bic", uses: ["bic", "account_number"] },
]

/** The field of the account for each column. */
const accountFields = {
  iban: "iban",
  bic: "bic",
  sort_code: "sortCode",
  account_number: "accountNumber",
  routing_number: "routingNumber",
  account_type: "accountType",
} as const

const accountColumns = Object.keys(accountFields) as ReadonlyArray<keyof typeof accountFields>

const schemeOf = (cell: Cells) => schemes.find(({ uses: [key] }) => key !== undefined && cell(key) !== "")

const accountProblem = ({ columns }: CsvFormat, cell: Cells): FileProblem | undefined => {
  const found = schemeOf(cell)
  if (found === undefined) {
    const keys = schemes.flatMap(({ uses: [key] }) => columns[key ?? "iban"] ?? [])
    return { column: columns.iban, reason: `no account: one of ${keys.join(", ")} must be filled` }
  }
  const stray = accountColumns.find((column) => cell(column) !== "" && !found.uses.includes(column))
  if (stray === undefined) return undefined
  return { column: columns[stray], reason: `not used with ${columns[found.uses[0] ?? "iban"]}` }
}

/** Removes the spaces and hyphens with which people group account numbers, and unifies upper and lower case. */
const accountOf = (cell: Cells): Readonly<Record<string, string>> => {
  const { scheme, uses } = schemeOf(cell) ?? { scheme: "", uses: [] }
  const filled = uses.filter((column) => cell(column) !== "")
  return {
    scheme,
    ...Object.fromEntries(
      filled.map((column) => {
        const text = cell(column).replaceAll(/[\s-]/g, "")
        return [accountFields[column], column === "account_type" ? text.toLowerCase() : text.toUpperCase()]
      }),
    ),
  }
}

/** The file's column for a field of an item: `beneficiary.account.sortCode` is `sort_code`. */
export const columnOfField = ({ columns }: CsvFormat, field: string | undefined): string | undefined => {
  const last = field?.split(".").at(-1) ?? ""
  const account = accountColumns.find((column) => accountFields[column] === last)
  const column = account ?? (last === "value" ? "amount" : payoutColumns.find((name) => name === last))
  return column === undefined ? undefined : columns[column]
}

/**
 * Wise's batch payment template. AtlasPay pays the amount in its own currency, and refuses a row that asks for a
 * conversion (to another target currency), and columns for countries that it does not support.
 */
export const wiseCsv: CsvFormat = {
  name: "Wise's batch template",
  required: ["name", "paymentReference", "amountCurrency", "amount", "targetCurrency"],
  columns: {
    reference: "paymentReference",
    remittance: "paymentReference",
    currency: "amountCurrency",
    amount: "amount",
    name: "name",
    iban: "iban",
    bic: "BIC",
    sort_code: "sortCode",
    account_number: "accountNumber",
    routing_number: "abartn",
    account_type: "accountType",
  },
  ignored: [
    "receiverType",
    "sourceCurrency",
    "targetCurrency",
    "addressCountryCode",
    "addressCity",
    "addressFirstLine",
    "addressPostCode",
    "addressState",
  ],
  problemOf: (cell) =>
    cell("targetCurrency") === cell("amountCurrency")
      ? undefined
      : {
          column: "targetCurrency",
          reason: "differs from amountCurrency, and a payout is made in the currency of its amount",
        },
}
