import type { Layout } from "../layout.ts"

/**
 * PayPal's payment file has no header; its columns are the recipient's e-mail address, telephone number or PayerID, the
 * amount, the currency, and optionally a customer's id, a note, and a wallet. None of them names an account.
 */
export const payPalLayout: Layout = {
  name: "PayPal's payment file",
  source:
    "developer.paypal.com/docs/payouts/integrate/ui-integration and docs.paypal.ai, large batches (read 2026-11)",
  required: [],
  columns: {},
  ignored: [],
  unpayable:
    "it names recipients by e-mail address, telephone number or PayerID, and we pay to bank accounts",
  firstRow: ([recipient = "", amount = "", currency = ""]) =>
    recipient === "PAYOUT_SUMMARY" ||
    (/^([^\s@]+@[^\s@]+|\+?[0-9() -]{7,20}|[A-Z0-9]{13})$/.test(recipient) &&
      /^[0-9][0-9.,]*$/.test(amount) &&
      /^[A-Za-z]{3}$/.test(currency)),
}
