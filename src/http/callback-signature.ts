/** What providers send is believed when it is signed as a Standard Webhook and no older than five minutes. */
import { randomBytes } from "node:crypto"
import { type Array as Arr, Effect, Redacted } from "effect"
import { Webhook, WebhookVerificationError } from "standardwebhooks"
import type { EdgeContext } from "./edge.ts"
import { InvalidSignature } from "./failures.ts"

/**
 * How long a repetition costs nothing: a signature is good for five minutes before and after its time. What comes later
 * goes to the batch, which knows old news.
 */
export const CALLBACK_KEPT_MS = 600_000

export type Verify = (c: EdgeContext, body: Buffer) => Effect.Effect<void, InvalidSignature>

/** Holds callbacks to the signature that a secret makes; any of several will do. */
export const verifying = (...secrets: Arr.NonEmptyReadonlyArray<Redacted.Redacted<string>>): Verify => {
  const webhooks = secrets.map((secret) => new Webhook(Redacted.value(secret)))
  return (c, body) =>
    Effect.suspend(() => {
      const header = (name: string) => c.req.header(name) ?? ""
      const headers = {
        "webhook-id": header("webhook-id"),
        "webhook-timestamp": header("webhook-timestamp"),
        "webhook-signature": header("webhook-signature"),
      }
      return webhooks.some((webhook) => isSigned(webhook, body, headers))
        ? Effect.void
        : Effect.fail(new InvalidSignature())
    })
}

/** Holds callbacks to a secret that nobody knows, so that a bank that is none is answered as one that is forged. */
export const refusing = (): Verify => verifying(Redacted.make(`whsec_${randomBytes(32).toString("base64")}`))

const isSigned = (webhook: Webhook, body: Buffer, headers: Readonly<Record<string, string>>): boolean => {
  try {
    webhook.verify(body, headers, { jsonParse: false })
    return true
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false
    throw error
  }
}
