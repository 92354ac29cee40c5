/** The layouts that are known, and which of them a header is of. */
import type { FileProblem } from "./file-problem.ts"
import { knownColumns, type Layout } from "./layout.ts"
import { airwallexLayout } from "./layouts/airwallex.ts"
import { mifosLayout } from "./layouts/mifos.ts"
import { ownLayout } from "./layouts/own.ts"
import { payPalLargeLayout, payPalLayout } from "./layouts/paypal.ts"
import { wiseLayout } from "./layouts/wise.ts"
import { nearestName } from "./nearest-name.ts"
import { columnKey, type Row } from "./table.ts"

export const layouts: ReadonlyArray<Layout> = [
  ownLayout,
  wiseLayout,
  airwallexLayout,
  mifosLayout,
  payPalLayout,
  payPalLargeLayout,
]

/** The layout of a file by its first row, or what keeps that row from being the header of any. */
export const layoutOf = (header: Row): Layout | ReadonlyArray<FileProblem> => {
  const { line, cells } = header
  const keys = new Set(cells.map(columnKey))
  const found =
    layouts.find(({ firstRow }) => firstRow?.(cells) === true) ??
    layouts.find(
      ({ required }) => required.length > 0 && required.every((column) => keys.has(columnKey(column))),
    )
  if (found?.unpayable !== undefined)
    return [{ line, reason: `${found.name} cannot be paid: ${found.unpayable}` }]
  return found ?? missingColumns(header)
}

/** Names what the likeliest layout has and the header lacks, and which name there may be meant by it. */
const missingColumns = ({ line, cells }: Row): ReadonlyArray<FileProblem> => {
  const keys = new Set(cells.map(columnKey))
  const has = (column: string) => keys.has(columnKey(column))
  const [likeliest] = layouts
    .filter(({ required }) => required.length > 0)
    .map((layout) => ({ layout, score: scoreOf(layout, cells) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
  if (likeliest === undefined) {
    const names = layouts.map(({ name }) => name).join(", ")
    return [{ line, reason: `neither JSON, pain.001 nor a spreadsheet with a known header (${names})` }]
  }
  const { layout } = likeliest
  const known = new Set(knownColumns(layout).map(columnKey))
  const strange = cells.filter((name) => name !== "" && !known.has(columnKey(name)))
  return layout.required
    .filter((column) => !has(column))
    .map((column) => {
      const meant = nearestName(column, strange)
      return {
        line,
        column,
        reason: `missing, as the file seems to have ${layout.name}${meant === undefined ? "" : `; is "${meant}" meant?`}`,
      }
    })
}

/** Columns of a layout that a header has; one that is misspelt counts half. */
const scoreOf = (layout: Layout, cells: ReadonlyArray<string>): number => {
  const columns = knownColumns(layout)
  const keys = new Set(columns.map(columnKey))
  return cells.reduce((score, name) => {
    if (name === "") return score
    if (keys.has(columnKey(name))) return score + 1
    return nearestName(name, columns) === undefined ? score : score + 1 / 2
  }, 0)
}
