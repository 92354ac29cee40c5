/** Rows of a spreadsheet as items of a payout batch, by the layout of its columns. docs/CLI.md shows the columns. */
import { Result } from "effect"
import { cellOf } from "../parsing/csv-cells.ts"
import { countryCodeOf } from "./country-names.ts"
import { type DecimalNotation, plainDecimal } from "./decimal-notation.ts"
import { type FileProblem, shownColumn } from "./file-problem.ts"
import { addressFields, knownColumns, type Layout, type PayoutColumn, payoutColumns } from "./layout.ts"
import { nearestName } from "./nearest-name.ts"
import { isRejected, REASON_COLUMN } from "./rejected-cells.ts"
import { columnKey, placesIn, type Row } from "./table.ts"

/** An item as the API takes it, before anything is checked. */
export interface DraftItem {
  readonly reference: string
  readonly [field: string]: unknown
}

/** Reads rows by the names in the header; a row gives its draft or what stops it from being one. */
export const rowReader = (layout: Layout, header: Row, notation: DecimalNotation) => {
  const places = placesIn(header)
  const columns = knownColumns(layout)
  const known = new Set([...columns, REASON_COLUMN].map(columnKey))
  const wasRejected = isRejected(header)
  return ({ line, cells }: Row): Result.Result<DraftItem, FileProblem> => {
    const theirs = (column: string) => {
      const cell = cells[places.get(columnKey(column)) ?? cells.length] ?? ""
      return wasRejected ? cellOf(cell) : cell
    }
    const ours = (column: PayoutColumn) => theirs(layout.columns[column] ?? "")
    const problem =
      refusedCell(layout, theirs) ??
      strayCell(header, cells, known, columns) ??
      unequalCell(layout, theirs) ??
      accountProblem(layout, ours)
    if (problem !== undefined) return Result.fail({ line, ...problem })
    return Result.mapBoth(plainDecimal(ours("amount"), notation, ours("currency").toUpperCase()), {
      onFailure: (reason) => ({ line, column: layout.columns.amount, reason }),
      onSuccess: (amount) => draftOf(ours, amount, addressOf(layout, theirs)),
    })
  }
}

const refusedCell = ({ refused = {} }: Layout, cell: (column: string) => string): FileProblem | undefined => {
  const found = Object.entries(refused).find(([column]) => cell(column) !== "")
  return found && { column: found[0], reason: found[1] }
}

/** A filled cell under a name that the layout does not know, or under none. */
const strayCell = (
  header: Row,
  cells: ReadonlyArray<string>,
  known: ReadonlySet<string>,
  columns: ReadonlyArray<string>,
): FileProblem | undefined => {
  const stray = cells.findIndex(
    (cell, index) => cell !== "" && !known.has(columnKey(header.cells[index] ?? "")),
  )
  if (stray < 0) return undefined
  if (stray >= header.cells.length)
    return { reason: `${cells.length} cells under ${header.cells.length} columns` }
  const name = header.cells[stray] ?? ""
  if (name === "") return { reason: `cell ${stray + 1} is filled, but its column has no name` }
  const meant = nearestName(name, columns)
  const hint = meant === undefined ? "" : `; is "${meant}" meant?`
  return { column: shownColumn(name), reason: `filled, but the column is unknown${hint}` }
}

const unequalCell = ({ equal }: Layout, cell: (column: string) => string): FileProblem | undefined =>
  equal === undefined || cell(equal.column) === cell(equal.to)
    ? undefined
    : { column: equal.column, reason: equal.reason }

type Cells = (column: PayoutColumn) => string

const draftOf = (cell: Cells, amount: string, address: Readonly<Record<string, string>>): DraftItem => ({
  reference: cell("reference"),
  amount: { currency: cell("currency"), value: amount },
  beneficiary: {
    name: cell("name"),
    account: accountOf(cell),
    ...(Object.keys(address).length > 0 ? { address } : {}),
  },
  ...(cell("remittance") === "" ? {} : { remittance: cell("remittance") }),
})

/** The fields of a beneficiary's address that are filled. */
const addressOf = (
  { address = {}, namesCountries = false }: Layout,
  cell: (column: string) => string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    addressFields
      .map((field) => [field, cell(address[field] ?? "")] as const)
      .filter(([, text]) => text !== "")
      .map(([field, text]) => [field, namesCountries && field === "country" ? countryCodeOf(text) : text]),
  )

/** Each scheme by the column that it cannot do without, and all that it uses. The first whose column is filled counts. */
const schemes: ReadonlyArray<{ scheme: string; uses: ReadonlyArray<keyof typeof accountFields> }> = [
  { scheme: "iban", uses: ["iban", "bic"] },
  { scheme: "sort-code", uses: ["sort_code", "account_number"] },
  { scheme: "aba", uses: ["routing_number", "account_number", "account_type"] },
  { scheme: "bic", uses: ["bic", "account_number"] },
]

/** The field of the account that each column fills. */
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

const accountProblem = ({ columns }: Layout, cell: Cells): FileProblem | undefined => {
  const found = schemeOf(cell)
  if (found === undefined) {
    const keys = schemes.flatMap(({ uses: [key] }) => columns[key ?? "iban"] ?? [])
    return { column: columns.iban, reason: `no account: one of ${keys.join(", ")} must be filled` }
  }
  const stray = accountColumns.find((column) => cell(column) !== "" && !found.uses.includes(column))
  if (stray === undefined) return undefined
  return { column: columns[stray], reason: `not used with ${columns[found.uses[0] ?? "iban"]}` }
}

/** As the cells have it: the API undoes the groups in which people write numbers, and refuses what could mean two things. */
const accountOf = (cell: Cells): Readonly<Record<string, string>> => {
  const { scheme, uses } = schemeOf(cell) ?? { scheme: "", uses: [] }
  const filled = uses.filter((column) => cell(column) !== "")
  return {
    scheme,
    ...Object.fromEntries(
      filled.map((column) => {
        const text = cell(column)
        return [accountFields[column], column === "account_type" ? text.toLowerCase() : text]
      }),
    ),
  }
}

/** The file's column that a field of an item comes from: `beneficiary.account.sortCode` is `sort_code`. */
export const columnOfField = (
  { columns, address = {} }: Layout,
  field: string | undefined,
): string | undefined => {
  const names = field?.split(".") ?? []
  const last = names.at(-1) ?? ""
  if (names.includes("address")) return address[addressFields.find((name) => name === last) ?? "country"]
  const account = accountColumns.find((column) => accountFields[column] === last)
  const column = account ?? (last === "value" ? "amount" : payoutColumns.find((name) => name === last))
  return column === undefined ? undefined : columns[column]
}
