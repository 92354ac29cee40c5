import type { CsvFormat } from "./payout-csv.ts"

/**
 * Wise's batch payment template. What is paid is the amount in its own currency; a row that asks for a conversion
 * (its target currency is another) is refused, as are columns for countries that we do not address.
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
