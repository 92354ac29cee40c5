/**
 * How providers prove that a callback is theirs. Most sign it as Standard Webhooks has it
 * (https://www.standardwebhooks.com); a kind of bank that signs otherwise has a {@link CallbackSignature} of its own.
 */
import { type Array as Arr, Redacted } from "effect"
import { Webhook, WebhookVerificationError } from "standardwebhooks"

/** What a provider signs with: `whsec_` and base64. It has two while it goes over from one to the other. */
export type Secrets = Arr.NonEmptyReadonlyArray<Redacted.Redacted<string>>

/** The bytes that a secret signs with. */
export const keyOf = (secret: Redacted.Redacted<string>): Buffer =>
  Buffer.from(Redacted.value(secret).slice("whsec_".length), "base64")

/** A header by its name in lower case; empty where there is none. */
export type HeaderOf = (name: string) => string

export interface CallbackSignature {
  /**
   * Whether a body that verifies could come with these headers at a time in epoch milliseconds. The body of somebody
   * unknown is read only then, so this is also where what is too old, or from the future, is refused.
   */
  readonly isPlausible: (header: HeaderOf, at: number) => boolean
  /** Whether the body is signed with one of the secrets. It is asked only where the headers are plausible. */
  readonly verify: (secrets: Secrets, header: HeaderOf, body: Buffer) => boolean
}

/** How far the time of a callback may be from ours. */
export const TOLERANCE_MS = 300_000

/** Standard Webhooks. */
export const signedWebhook: CallbackSignature = {
  isPlausible: (header, at) => {
    const timestamp = header("webhook-timestamp")
    return (
      header("webhook-id") !== "" &&
      /^[0-9]{1,12}$/.test(timestamp) &&
      Math.abs(Number(timestamp) * 1_000 - at) <= TOLERANCE_MS + 1_000 &&
      /(?:^| )v1,[A-Za-z0-9+/]{43}=(?: |$)/.test(header("webhook-signature"))
    )
  },
  verify: (secrets, header, body) => {
    const headers = {
      "webhook-id": header("webhook-id"),
      "webhook-timestamp": header("webhook-timestamp"),
      "webhook-signature": header("webhook-signature"),
    }
    return secrets.some((secret) => isSigned(new Webhook(Redacted.value(secret)), body, headers))
  },
}

const isSigned = (webhook: Webhook, body: Buffer, headers: Record<string, string>): boolean => {
  try {
    webhook.verify(body, headers, { jsonParse: false })
    return true
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false
    throw error
  }
}
