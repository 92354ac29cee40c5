import type { Layout } from "../layout.ts"

/**
 * What is paid is the amount in its own currency; a row that asks for a conversion (its target currency is another) is
 * refused, as are filled columns for countries whose accounts we do not address (`institutionNumber`, `transitNumber`).
 */
export const wiseLayout: Layout = {
  name: "Wise's batch template",
  source: "Wise, public Postman collection, batch payment CSV (wise-batch-payment.csv, read 2026-11)",
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
    type: "receiverType",
  },
  address: {
    street: "addressFirstLine",
    postcode: "addressPostCode",
    town: "addressCity",
    country: "addressCountryCode",
  },
  types: { private: "person", business: "company" },
  ignored: ["sourceCurrency", "addressState"],
  sharesReferences: true,
  equal: {
    column: "targetCurrency",
    to: "amountCurrency",
    reason: "differs from amountCurrency, and a payout is made in the currency of its amount",
  },
}
