/** What providers send is believed when it is signed as a Standard Webhook and no older than five minutes. */
import { Effect, Redacted } from "effect"
import { Webhook, WebhookVerificationError } from "standardwebhooks"
import type { EdgeContext } from "./edge.ts"
import { InvalidSignature } from "./failures.ts"

/**
 * How long a repetition costs nothing: a signature is good for five minutes before and after its time. What comes later
 * goes to the batch, which knows old news.
 */
export const CALLBACK_KEPT_MS = 600_000

export type Verify = (c: EdgeContext, body: Buffer) => Effect.Effect<void, InvalidSignature>

/** Holds callbacks to the signature that a secret makes. */
export const verifying = (secret: Redacted.Redacted<string>): Verify => {
  const webhook = new Webhook(Redacted.value(secret))
  return (c, body) =>
    Effect.suspend(() => {
      const header = (name: string) => c.req.header(name) ?? ""
      const headers = {
        "webhook-id": header("webhook-id"),
        "webhook-timestamp": header("webhook-timestamp"),
        "webhook-signature": header("webhook-signature"),
      }
      try {
        webhook.verify(body, headers, { jsonParse: false })
        return Effect.void
      } catch (error) {
        return error instanceof WebhookVerificationError
          ? Effect.fail(new InvalidSignature())
          : Effect.die(error)
      }
    })
}
