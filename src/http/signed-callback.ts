/** Callbacks of providers are signed as Standard Webhooks (https://www.standardwebhooks.com). */
import { Effect, Redacted } from "effect"
import { Webhook, WebhookVerificationError } from "standardwebhooks"
import type { EdgeContext } from "./edge.ts"
import { InvalidSignature } from "./failures.ts"

/** What verifies the callbacks of whoever signs with a secret. */
export const signedWith = (secret: Redacted.Redacted<string>): Webhook => new Webhook(Redacted.value(secret))

/** Believes a body that is signed, and was not signed more than five minutes ago. */
export const verify = (
  c: EdgeContext,
  webhook: Webhook,
  body: Buffer,
): Effect.Effect<void, InvalidSignature> =>
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
