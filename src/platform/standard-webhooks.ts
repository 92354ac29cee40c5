/**
 * Signatures of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, "Signature scheme") over id, timestamp
 * and body: HMAC-SHA-256 (`v1`), and Ed25519 (`v1a`, RFC 8032). Written with Node's own cryptography, because every payout is
 * signed or verified several times, and a key that Node has prepared once makes that several times cheaper.
 */
import { createHmac, createSecretKey, type KeyObject, sign, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"
import { isSigningKey, type SigningKey, signingKeyObject } from "./webhook-signing-key.ts"

/** `whsec_` and the key in base64. */
export type WebhookSecret = Redacted.Redacted<string>

const PREFIX = "whsec_"
const VERSION = "v1"
const ASYMMETRIC_VERSION = "v1a"
/** How far the time of a message may differ from the receiver's, in seconds. */
export const TOLERANCE_S = 300

const prepared = new WeakMap<WebhookSecret, KeyObject>()

/** The key of a secret. Throws if the secret is empty; the settings refuse such a secret. */
const keyOf = (secret: WebhookSecret): KeyObject => {
  const known = prepared.get(secret)
  if (known !== undefined) return known
  const bytes = webhookKeyBytes(secret)
  if (bytes.length === 0) throw new Error("a webhook secret is empty")
  const key = createSecretKey(bytes)
  prepared.set(secret, key)
  return key
}

/** The key bytes of a secret; the prefix is optional. */
export const webhookKeyBytes = (secret: WebhookSecret): Buffer => {
  const text = Redacted.value(secret)
  return Buffer.from(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text, "base64")
}

const macOf = (secret: WebhookSecret, id: string, timestamp: string, body: string | Buffer): string =>
  createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64")

interface Message {
  /** The same whenever the message is sent again. */
  readonly id: string
  /** Epoch seconds. */
  readonly atS: number
  readonly body: string
}

/** The headers that sign a message with a secret, and with others besides: each signature stands for itself. */
export const signedWebhookHeaders = (
  secret: WebhookSecret,
  message: Message,
  besides: ReadonlyArray<WebhookSecret | SigningKey> = [],
) => ({
  "webhook-id": message.id,
  "webhook-timestamp": String(message.atS),
  "webhook-signature": [secret, ...besides].map((one) => signatureOf(one, message)).join(" "),
})

const signatureOf = (by: WebhookSecret | SigningKey, { id, atS, body }: Message): string => {
  if (!isSigningKey(by)) return `${VERSION},${macOf(by, id, String(atS), body)}`
  const signature = sign(null, Buffer.from(`${id}.${atS}.${body}`), signingKeyObject(by))
  return `${ASYMMETRIC_VERSION},${signature.toString("base64")}`
}

export interface SignedWebhook {
  readonly id: string
  /** Epoch seconds, as the header says it. */
  readonly timestamp: string
  /** One or several signatures, separated by spaces: the sender may be changing its secret. */
  readonly signatures: string
  readonly body: Buffer
}

/** Whether a message is signed with the secret, at most {@link TOLERANCE_S} before or after `nowS` (epoch seconds). */
export const isSignedWebhook = (
  secret: WebhookSecret,
  { id, timestamp, signatures, body }: SignedWebhook,
  nowS: number,
): boolean => {
  if (id === "" || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowS - Number(timestamp)) > TOLERANCE_S) return false
  const expected = Buffer.from(`${VERSION},${macOf(secret, id, timestamp, body)}`)
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}
