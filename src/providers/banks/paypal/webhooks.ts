/**
 * PayPal's webhooks (https://developer.paypal.com/api/rest/webhooks/rest). PayPal signs the id and the time of a transmission, the id
 * of the webhook and the CRC-32 of the body with the key of a certificate, which it offers at a URL. We fetch nothing: the operator
 * pins the certificate, or its public key, together with the webhook's id, as the secret of the bank:
 *
 *     whsec_ + base64( "<webhook id>\n" + PEM )
 *
 * A bank without that secret takes no webhooks, and AtlasPay asks PayPal instead, as it does in any case. What is signed is a CRC-32,
 * which is no hash: whoever saw a signed message can make another body with the same. So nobody may see one on its way
 * (PayPal calls https:// only), and what may lead to another payment by itself, a failure, is left to the inquiry.
 */
import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"
import { Effect, Schema } from "effect"
import { codedReason } from "../../../domain/coded-reason.ts"
import { type HeaderOf, keyOf, TOLERANCE_MS } from "../../calling/signed-callback.ts"
import {
  type BankCallbacks,
  type BankReport,
  readJsonCallback,
  UnreadableCallback,
} from "../bank-callbacks.ts"
import { type WebhookEvent, webhookEvents } from "./item-states.ts"

/** PayPal repeats a webhook for three days, with the time of its first transmission. */
const AGE_MS_MAX = 4 * 86_400_000

const text = (lengthMax: number) => Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(lengthMax))

const Event = Schema.Struct({
  id: text(64),
  event_type: text(64),
  resource: Schema.Struct({
    payout_item_id: Schema.optionalKey(text(30)),
    payout_item: Schema.optionalKey(Schema.Struct({ sender_item_id: Schema.optionalKey(text(63)) })),
    errors: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(text(200)) })),
  }),
})
const decodeEvent = Schema.decodeUnknownResult(Event)

export const payPalWebhooks: BankCallbacks = {
  isOptional: true,
  isPlausible: (header, at) => {
    const sentAt = Date.parse(header("paypal-transmission-time"))
    return (
      header("paypal-auth-algo") === "SHA256withRSA" &&
      /^[A-Za-z0-9-]{1,64}$/.test(header("paypal-transmission-id")) &&
      /^[A-Za-z0-9+/]{300,700}={0,2}$/.test(header("paypal-transmission-sig")) &&
      at - sentAt <= AGE_MS_MAX &&
      sentAt - at <= TOLERANCE_MS
    )
  },
  verify: (secrets, header, body) =>
    secrets.some((secret) => {
      const pinned = pinnedIn(keyOf(secret))
      return pinned !== undefined && isSignedBy(pinned, header, body)
    }),
  read: (_bank, _header, body) =>
    Effect.flatMap(readJsonCallback(body, decodeEvent), (event) =>
      isKnown(event.event_type)
        ? Effect.succeed(reportsOf(event, event.event_type))
        : Effect.fail(new UnreadableCallback({ problem: "event_type: not one of payouts" })),
    ),
}

interface Pinned {
  readonly webhookId: string
  readonly key: KeyObject
}

const isSignedBy = ({ webhookId, key }: Pinned, header: HeaderOf, body: Buffer): boolean => {
  const [id, time] = [header("paypal-transmission-id"), header("paypal-transmission-time")]
  const signed = Buffer.from(`${id}|${time}|${webhookId}|${crc32(body)}`)
  return verify("RSA-SHA256", signed, key, Buffer.from(header("paypal-transmission-sig"), "base64"))
}

/** What the secret pins; nothing if it is none of PayPal's, or its certificate is not valid now. */
const pinnedIn = (bytes: Buffer): Pinned | undefined => {
  const secret = bytes.toString("utf8")
  const end = secret.indexOf("\n")
  const webhookId = secret.slice(0, end)
  if (!/^[A-Z0-9]{1,50}$/.test(webhookId)) return undefined
  const key = keyIn(secret.slice(end + 1))
  return key?.asymmetricKeyType === "rsa" ? { webhookId, key } : undefined
}

const keyIn = (pem: string): KeyObject | undefined => {
  try {
    if (!pem.includes("BEGIN CERTIFICATE")) return createPublicKey(pem)
    const { validFromDate, validToDate, publicKey } = new X509Certificate(pem)
    const now = new Date()
    return validFromDate <= now && now <= validToDate ? publicKey : undefined
  } catch {
    // Not in PEM: then nothing is signed with it.
    return undefined
  }
}

const isKnown = (event: string): event is WebhookEvent => Object.hasOwn(webhookEvents, event)

/** Failures are left to the inquiry: a refusal may lead to another payment. */
const reportsOf = ({ id, resource }: typeof Event.Type, event: WebhookEvent): ReadonlyArray<BankReport> => {
  const reference = resource.payout_item?.sender_item_id
  const status = webhookEvents[event]
  if (reference === undefined || status === undefined || status === "FAILED") return []
  const about = { reference, message: id, ...(resource.payout_item_id && { id: resource.payout_item_id }) }
  if (status === "SUCCESS") return [{ ...about, outcome: { _tag: "Settled" } }]
  const code = status === "RETURNED" ? codedReason(resource.errors?.name ?? status).code : status
  return [{ ...about, outcome: { _tag: "Returned", code } }]
}
