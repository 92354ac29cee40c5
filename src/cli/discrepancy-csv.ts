/** Discrepancies as CSV (RFC 4180) that a spreadsheet can open without running what a cell says. */
import type { Day } from "../domain/business-days.ts"
import { type Discrepancy, discrepancyId, discrepancyKinds } from "../reconciliation/discrepancy.ts"

const columns = [
  "day",
  "id",
  "kind",
  "partner",
  "batch",
  "item",
  "bank",
  "reference",
  "expected",
  "found",
  "meaning",
] as const

/** A header and a row for each discrepancy, with CRLF after every line. */
export const discrepancyCsv = (day: Day, discrepancies: ReadonlyArray<Discrepancy>): string =>
  [
    columns,
    ...discrepancies.map((discrepancy) => {
      const row: Readonly<Partial<Record<(typeof columns)[number], string | number>>> = {
        day,
        id: discrepancyId(day, discrepancy),
        meaning: discrepancyKinds[discrepancy.kind],
        ...discrepancy,
      }
      return columns.map((column) => String(row[column] ?? ""))
    }),
  ]
    .map((cells) => `${cells.map(cell).join(",")}\r\n`)
    .join("")

/** A cell that would begin a formula (OWASP, CSV injection) begins with an apostrophe instead. */
const cell = (text: string): string => {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
