import type { Layout } from "../layout.ts"

/**
 * Airwallex makes its template for each account, country and method, as XLSX, and publishes no list of its columns
 * (help.airwallex.com, "How do I create a batch transfer?"). These are the ones that programs write which fill in the template
 * for their users, and that agree with each other. A filled column beside them is refused, as `Bank identifier value` is, whose
 * meaning depends on the country. So are rows that ask for a conversion. Who bears the charges of SWIFT is not read: no payout says it.
 */
export const airwallexLayout: Layout = {
  name: "Airwallex's batch transfer template",
  source:
    "github.com/ivanvanderbyl/xero2airwallex, README.md and internal/convert/convert.go, and two other public programs that fill it in (read 2026-11)",
  required: ["Transfer to", "Transfer method", "Currency recipient gets", "Account name"],
  columns: {
    reference: "Reference",
    remittance: "Reference",
    currency: "Currency recipient gets",
    amount: "Transfer amount in currency recipient gets",
    name: "Account name",
    iban: "IBAN",
    bic: "SWIFT code",
    account_number: "Account number",
  },
  address: {
    street: "Street address",
    postcode: "Postcode",
    town: "City",
    country: "Country / region",
  },
  namesCountries: true,
  ignored: [
    "Fee paid by",
    "Transfer purpose",
    "Description (optional)",
    "Recipient type",
    "State / Province",
    "Request ID (optional)",
  ],
  refused: {
    "Transfer amount in currency you pay":
      "not the amount that the recipient gets; ask Airwallex for the template with that one",
  },
  sharesReferences: true,
  equal: {
    column: "Currency you pay",
    to: "Currency recipient gets",
    reason: "differs from Currency recipient gets, and a payout is made in the currency of its amount",
  },
}
