import type { Layout } from "../layout.ts"

/**
 * The bulk file of Mifos's Payment Hub EE: either `account_number`, or an identifier of the payee and its type (mostly a
 * telephone number, MSISDN). No version has the payee's name or bank.
 */
export const mifosLayout: Layout = {
  name: "Mifos Payment Hub EE's bulk file",
  source:
    "github.com/openMF/ph-ee-bulk-processor, ph-ee-bulk-demo-12.csv and schema/Transaction.java (read 2026-11)",
  required: ["id", "request_id", "payment_mode", "amount", "currency"],
  columns: { reference: "request_id", amount: "amount", currency: "currency", remittance: "note" },
  ignored: [
    "id",
    "payment_mode",
    "account_number",
    "payer_identifier_type",
    "payer_identifier",
    "payee_identifier_type",
    "payee_identifier",
    "status",
  ],
  unpayable: "it has no column for the payee's name, without which nobody is screened or paid",
}
