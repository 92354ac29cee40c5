/**
 * How providers prove that a callback is theirs. Most sign it as in Standard Webhooks (https://www.standardwebhooks.com); a
 * kind of bank that signs differently has its own {@link CallbackSignature}.
 */
import type { Array as Arr } from "effect"
import {
  isSignedWebhook,
  TOLERANCE_S,
  type WebhookSecret,
  webhookKeyBytes,
} from "../../platform/standard-webhooks.ts"

/** A provider's secrets: `whsec_` and base64. There are two while the provider changes from one to the other. */
export type Secrets = Arr.NonEmptyReadonlyArray<WebhookSecret>

/** The key bytes of a secret, for kinds of banks that sign differently. */
export const keyOf: (secret: WebhookSecret) => Buffer = webhookKeyBytes

/** A header by its name in lower case; empty if there is none. */
export type HeaderOf = (name: string) => string

export interface CallbackSignature {
  /**
   * Whether a valid callback could have these headers at this time, in epoch milliseconds. An unknown sender's body is read
   * only if so. This must also refuse callbacks that are too old, or from the future.
   */
  readonly isPlausible: (header: HeaderOf, at: number) => boolean
  /** Whether the body is signed with one of the secrets. Called only if the headers are plausible. */
  readonly verify: (secrets: Secrets, header: HeaderOf, body: Buffer) => boolean
}

/** How far the time of a callback may differ from ours. */
export const TOLERANCE_MS = TOLERANCE_S * 1_000

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
    const message = {
      id: header("webhook-id"),
      timestamp: header("webhook-timestamp"),
      signatures: header("webhook-signature"),
      body,
    }
    const nowS = Math.floor(Date.now() / 1_000)
    return secrets.some((secret) => isSignedWebhook(secret, message, nowS))
  },
}
