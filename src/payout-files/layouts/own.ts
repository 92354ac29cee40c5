import { type Layout, payoutColumns } from "../layout.ts"

/** Our own columns, one row for each payout. */
export const ownLayout: Layout = {
  name: "AtlasPay's columns",
  source: "docs/CLI.md",
  required: ["reference", "currency", "amount", "name"],
  columns: Object.fromEntries(payoutColumns.map((column) => [column, column])),
  address: {
    street: "street",
    buildingNumber: "building_number",
    postcode: "postcode",
    town: "town",
    country: "country",
    line1: "address_line_1",
    line2: "address_line_2",
  },
  ignored: [],
}
