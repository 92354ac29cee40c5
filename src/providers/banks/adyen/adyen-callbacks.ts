/**
 * Adyen's transfer notifications: `balancePlatform.transfer.created` and `.updated`. Each is signed with the key of its webhook, and tells
 * the status of one transfer of the balance platform, whoever ordered it.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Effect, Schema } from "effect"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { decodingThoroughly } from "../../../parsing/schema-problems.ts"
import { keyOf } from "../../calling/signed-callback.ts"
import {
  type BankCallbacks,
  type BankReport,
  readJsonCallback,
  UnreadableCallback,
} from "../bank-callbacks.ts"
import { minorOfAdyen } from "./adyen-amount.ts"
import { type AdyenSettings, environmentOf } from "./adyen-settings.ts"
import { notificationTypes } from "./adyen-words.ts"
import { isPaymentFrom, outcomeOf, TransferView } from "./transfer-answers.ts"

const Word = Schema.String.check(Schema.isMaxLength(200))

const Notification = Schema.Struct({
  /** `test` or `live`. */
  environment: Word,
  type: Schema.optionalKey(Word),
  data: Schema.Struct({
    /** Each transfer has one; what other types of notifications are about has none. */
    category: Schema.optionalKey(Word),
    direction: Schema.optionalKey(Word),
    type: Schema.optionalKey(Word),
    reference: Schema.optionalKey(Schema.String),
  }),
})

/** A notification about a payment of ours. */
const PaymentNotification = Schema.Struct({
  data: Schema.Struct({
    ...TransferView.fields,
    /** From 1, for each notification about the transfer. */
    sequenceNumber: Schema.optionalKey(Schema.Int),
  }),
})

const decodeAny = decodingThoroughly(Notification)
const decodePayment = decodingThoroughly(PaymentNotification)

/** Base64 of the HMAC-SHA256 of the body: 32 bytes. */
const signature = /^[A-Za-z0-9+/]{43}=$/

/**
 * How a bank with these settings calls back. The signature has no time: whoever caught a notification may send it again for ever. That
 * is harmless, because it says the same, under the same id, and a status that was true of a transfer stays in its history.
 */
export const adyenCallbacks = (own: AdyenSettings): BankCallbacks => ({
  isPlausible: (header) => signature.test(header("hmacsignature")),
  verify: (secrets, header, body) => {
    const mac = Buffer.from(header("hmacsignature"), "base64")
    return secrets.some((secret) => {
      const ours = createHmac("sha256", keyOf(secret)).update(body).digest()
      return mac.length === ours.length && timingSafeEqual(mac, ours)
    })
  },
  read: Effect.fnUntraced(function* (_bank, _header, body) {
    const { environment, type, data } = yield* readJsonCallback(body, decodeAny)
    if (environment !== environmentOf(own))
      return yield* new UnreadableCallback({ problem: "environment: not the one that this bank is in" })
    if (type !== undefined && !notificationTypes.has(type)) return []
    const isOfBank = data.category === undefined || data.category === "bank"
    // Top-ups, fees, and what others pay from the platform: acknowledged, or Adyen would repeat them for a month.
    if (!isOfBank || parseTransferReference(data.reference ?? "") === undefined) return []
    const { data: transfer } = yield* readJsonCallback(body, decodePayment)
    return isPaymentFrom(transfer, own.balanceAccount) ? yield* reportsOf(transfer) : []
  }),
})

const reportsOf = Effect.fnUntraced(function* (transfer: typeof PaymentNotification.fields.data.Type) {
  const { id, reference = "", status, sequenceNumber, amount } = transfer
  const { currency } = amount
  const minor = minorOfAdyen(amount.value, currency)
  if (minor === undefined)
    return yield* new UnreadableCallback({ problem: "amount: not one in a payable currency" })
  const outcome = outcomeOf(transfer)
  // Of a transfer that has settled nobody asks again: this is the only trace of such a status before the statement.
  if (outcome === undefined)
    yield* Effect.logWarning("a bank notified of a status that says nothing of a bank transfer", {
      reference,
    })
  if (outcome === undefined || outcome._tag === "Accepted") return []
  const reports: ReadonlyArray<BankReport> = [
    {
      reference,
      id,
      amount: { currency, minor },
      message: `${id}.${sequenceNumber ?? status}`,
      outcome: reportedOf(outcome),
    },
  ]
  return reports
})

const reportedOf = (
  outcome: Exclude<ReturnType<typeof outcomeOf>, undefined> & {
    readonly _tag: "Settled" | "Failed" | "Returned"
  },
): BankReport["outcome"] => {
  if (outcome._tag === "Settled") return { _tag: "Settled" }
  // A text in place of a code is cleaned where callbacks are received.
  return { _tag: outcome._tag, code: outcome.detail ?? outcome.code }
}
