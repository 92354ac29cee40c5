import type { Layout } from "../layout.ts"

const source =
  "developer.paypal.com/docs/payouts/integrate/ui-integration and docs.paypal.ai, Use Web UI and large batches (read 2026-11)"

/** PayPal's seven columns in their order, and the one that it does not have. */
const positions = [
  "recipient",
  "amount",
  "currency",
  "customer_id",
  "note",
  "recipient_wallet",
  "social_feed_privacy",
  "name",
]

/**
 * PayPal's payment file has no header; its columns are the recipient's e-mail address, telephone number or PayerID, the
 * amount, the currency, and optionally a customer's id, a note, a wallet, and who sees a payment of Venmo. It has no column for the
 * recipient's name, so that comes behind them. With these names as a header, columns may be in any order, as in all spreadsheets.
 */
export const payPalLayout: Layout = {
  name: "PayPal's payment file",
  source,
  required: ["recipient", "amount", "currency", "customer_id"],
  positions,
  recipient: "recipient",
  columns: {
    reference: "customer_id",
    currency: "currency",
    amount: "amount",
    name: "name",
    remittance: "note",
  },
  ignored: ["social_feed_privacy"],
  currencyInAnyCase: true,
  // A customer's id names whom, not what for: it may stand on many rows, or on none.
  sharesReferences: true,
  unnamed: "payment",
  nameless:
    "missing: PayPal's file has no column for it, and nobody is screened or paid without; write it behind the seven columns of PayPal",
  only: {
    column: "recipient_wallet",
    words: ["", "PAYPAL", "NONE"],
    reason: "not PAYPAL; other wallets are not paid from this file",
  },
  firstRow: ([recipient = "", amount = "", currency = ""]) =>
    /^([^\s@]+@[^\s@]+|\+?[0-9() .-]{7,20}|[A-Z0-9]{13})$/.test(recipient) &&
    /^[0-9][0-9.,]*$/.test(amount) &&
    /^[A-Za-z]{3}$/.test(currency),
}

/** The file for PayPal's DropZone begins with a row of sums. It has no place for a name, either. */
export const payPalLargeLayout: Layout = {
  name: "PayPal's large-batch file",
  source,
  required: [],
  columns: {},
  ignored: [],
  unpayable: "its rows have no recipient's name, without which nobody is screened or paid",
  firstRow: ([first]) => first === "PAYOUT_SUMMARY",
}
