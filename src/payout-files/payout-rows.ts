/** Rows of a spreadsheet as items of a payout batch, by the layout of its columns. docs/CLI.md shows the columns. */
import { Result } from "effect"
import { cellOf } from "../parsing/csv-cells.ts"
import { countryCodeOf } from "./country-names.ts"
import { type DecimalNotation, plainDecimal } from "./decimal-notation.ts"
import { type FileProblem, shownColumn } from "./file-problem.ts"
import {
  addressFields,
  addressLines,
  knownColumns,
  type Layout,
  type PayoutColumn,
  payoutColumns,
} from "./layout.ts"
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
    const ours = (column: PayoutColumn) => ownCell(layout, theirs, column)
    const problem =
      refusedCell(layout, theirs) ??
      strayCell(header, cells, known, columns) ??
      unequalCell(layout, theirs) ??
      otherWord(layout, theirs) ??
      accountProblem(layout, ours) ??
      namelessRow(layout, ours)
    if (problem !== undefined) return Result.fail({ line, ...problem })
    return Result.mapBoth(plainDecimal(ours("amount"), notation, ours("currency").toUpperCase()), {
      onFailure: (reason) => ({ line, column: layout.columns.amount, reason }),
      onSuccess: (amount) => draftOf(layout, ours, amount, addressOf(layout, theirs)),
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

const otherWord = ({ only }: Layout, cell: (column: string) => string): FileProblem | undefined =>
  only === undefined || only.words.includes(cell(only.column).toUpperCase())
    ? undefined
    : { column: only.column, reason: only.reason }

type Cells = (column: PayoutColumn) => string

const namelessRow = ({ nameless, columns }: Layout, cell: Cells): FileProblem | undefined =>
  nameless === undefined || cell("name") !== "" ? undefined : { column: columns.name, reason: nameless }

const draftOf = (
  { unnamed = "", types, currencyInAnyCase = false }: Layout,
  cell: Cells,
  amount: string,
  address: Readonly<Record<string, unknown>>,
): DraftItem => {
  const word = cell("type").toLowerCase()
  const currency = currencyInAnyCase ? cell("currency").toUpperCase() : cell("currency")
  const type = types === undefined ? word : (types[word] ?? "")
  return {
    reference: cell("reference") || unnamed,
    amount: { currency, value: amount },
    beneficiary: {
      name: cell("name"),
      account: accountOf(cell),
      ...(type === "" ? {} : { type }),
      ...(Object.keys(address).length > 0 ? { address } : {}),
    },
    ...(cell("remittance") === "" ? {} : { remittance: cell("remittance") }),
  }
}

/** The fields of a beneficiary's address that are filled, and its lines. */
const addressOf = (
  { address = {}, namesCountries = false }: Layout,
  cell: (column: string) => string,
): Readonly<Record<string, unknown>> => {
  const lines = addressLines.map((field) => cell(address[field] ?? "")).filter((line) => line !== "")
  const fields = addressFields
    .map((field) => [field, cell(address[field] ?? "")] as const)
    .filter(([, text]) => text !== "")
    .map(([field, text]) => [field, namesCountries && field === "country" ? countryCodeOf(text) : text])
  return { ...Object.fromEntries(fields), ...(lines.length > 0 ? { lines } : {}) }
}

/** Each scheme by the column that it cannot do without, and all that it uses. The first whose column is filled counts. */
const schemes: ReadonlyArray<{ scheme: string; uses: ReadonlyArray<keyof typeof accountFields> }> = [
  { scheme: "iban", uses: ["iban", "bic"] },
  { scheme: "sort-code", uses: ["sort_code", "account_number"] },
  { scheme: "aba", uses: ["routing_number", "account_number", "account_type"] },
  { scheme: "bic", uses: ["bic", "account_number"] },
  { scheme: "email", uses: ["email"] },
  { scheme: "phone", uses: ["phone"] },
  { scheme: "paypal-id", uses: ["paypal_id"] },
]

/** The field of the account that each column fills. */
const accountFields = {
  iban: "iban",
  bic: "bic",
  sort_code: "sortCode",
  account_number: "accountNumber",
  routing_number: "routingNumber",
  account_type: "accountType",
  email: "email",
  phone: "phone",
  paypal_id: "paypalId",
} as const

type WalletColumn = "email" | "phone" | "paypal_id"
const isWalletColumn = (column: PayoutColumn): column is WalletColumn =>
  column === "email" || column === "phone" || column === "paypal_id"

/** Which wallet a text names. What names none is read as a telephone number, and refused with the form of one. */
const walletColumnOf = (recipient: string): WalletColumn => {
  if (recipient.includes("@")) return "email"
  return /^(?=.*[A-Za-z])[0-9A-Za-z]{13}$/.test(recipient) ? "paypal_id" : "phone"
}

/** The cell of one of our columns. */
const ownCell = (
  { columns, recipient }: Layout,
  cell: (column: string) => string,
  column: PayoutColumn,
): string => {
  if (recipient === undefined || !isWalletColumn(column)) return cell(columns[column] ?? "")
  const text = cell(recipient)
  return walletColumnOf(text) === column ? text : ""
}

const accountColumns = Object.keys(accountFields) as ReadonlyArray<keyof typeof accountFields>

const schemeOf = (cell: Cells) => schemes.find(({ uses: [key] }) => key !== undefined && cell(key) !== "")

const accountProblem = ({ columns, recipient }: Layout, cell: Cells): FileProblem | undefined => {
  const found = schemeOf(cell)
  if (found === undefined) {
    const named = schemes.flatMap(({ uses: [key] }) => columns[key ?? "iban"] ?? [])
    const keys = recipient === undefined ? named : [...named, recipient]
    return { column: columns.iban ?? keys[0], reason: `no account: one of ${keys.join(", ")} must be filled` }
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
  { columns, address = {}, recipient }: Layout,
  field: string | undefined,
): string | undefined => {
  const names = field?.split(".") ?? []
  const last = names.at(-1) ?? ""
  if (names.includes("lines")) return address[last === "1" ? "line2" : "line1"]
  if (names.includes("address")) return address[addressFields.find((name) => name === last) ?? "country"]
  const account = accountColumns.find((column) => accountFields[column] === last)
  const column = account ?? (last === "value" ? "amount" : payoutColumns.find((name) => name === last))
  if (column === undefined) return undefined
  return recipient !== undefined && isWalletColumn(column) ? recipient : columns[column]
}
