/** The settings of a bank of the kind `paypal`, in addition to those of every bank, and what it can be sent. */
import { Schema } from "effect"
import { httpFields } from "../../calling/provider-access.ts"
import type { BankLimits } from "../bank-limits.ts"

const milliseconds = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
const text = (lengthMax: number) =>
  Schema.String.check(Schema.isPattern(new RegExp(`^[\\x20-\\x7e]{1,${lengthMax}}$`)))

/** The most items of one payout batch (Payouts API v1, `create_payout_request.items`). */
export const ITEMS_MAX = 15_000
const ORDERS_MAX = 5_000
const EVERY_MS = 60_000
const POLL_MS = 15_000

export const PayPalSettings = Schema.Struct({
  ...httpFields,
  /**
   * Which PayPal account pays, such as its merchant id. A payout batch is never sent twice under one account; if this changes while
   * the name stays, nothing is sent. The URL by default.
   */
  account: Schema.optionalKey(text(127)),
  /** How long an order waits for others at most. */
  everyMs: Schema.optionalKey(milliseconds(86_400_000)),
  /** The number of orders at which a payout batch is sent at once; none has more. */
  ordersMax: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: ITEMS_MAX }))),
  /** The time between two passes: to send what is due, and to ask about what was sent. */
  pollMs: Schema.optionalKey(milliseconds(3_600_000)),
  /** What PayPal writes to the recipients: single-byte characters. */
  emailSubject: Schema.optionalKey(text(255)),
  emailMessage: Schema.optionalKey(text(1_000)),
})
export type PayPalSettings = typeof PayPalSettings.Type

/** A bank of the kind `paypal`, with all its settings. */
export interface PayPalBank extends Pick<PayPalSettings, "emailSubject" | "emailMessage"> {
  readonly name: string
  readonly account: string
  readonly everyMs: number
  readonly ordersMax: number
  readonly pollMs: number
}

/** The settings with their defaults. */
export const payPalBankOf = (name: string, own: PayPalSettings): PayPalBank => {
  const { url, account = url, everyMs = EVERY_MS, ordersMax = ORDERS_MAX, pollMs = POLL_MS } = own
  const { emailSubject, emailMessage } = own
  return {
    name,
    account,
    everyMs,
    ordersMax,
    pollMs,
    ...(emailSubject !== undefined && { emailSubject }),
    ...(emailMessage !== undefined && { emailMessage }),
  }
}

/**
 * PayPal pays wallets. It gets no name, because it knows its customers; a remittance goes out as the note, which has 4000 ASCII
 * characters and 1000 others (`payout_item.note`), more than a payout can have.
 */
export const payPalLimits: BankLimits = {
  wallet: { characters: "any", nameLengthMax: 140, remittanceLengthMax: 140 },
}

/** Currencies that have no decimals at PayPal, other than in ISO 4217 (https://developer.paypal.com/api/rest/reference/currency-codes). */
export const wholeCurrencies: ReadonlySet<string> = new Set(["HUF", "TWD"])
