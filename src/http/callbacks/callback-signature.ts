/**
 * What providers send is believed when it is signed as a Standard Webhook and no older than five minutes. The signature
 * is over the body, so the body of somebody unknown is read: a small one, of those that give way to each other, and only
 * under headers that a provider could have sent.
 */
import { type Array as Arr, Clock, Effect, Redacted } from "effect"
import { Webhook, WebhookVerificationError } from "standardwebhooks"
import { vouchFor } from "../edge/connections.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidSignature } from "../edge/failures.ts"
import { RequestBodies } from "../edge/request-body.ts"

/**
 * How long a repetition costs nothing: a signature is good for five minutes before and after its time. What comes later
 * goes to the batch, which knows old news.
 */
export const CALLBACK_KEPT_MS = 600_000
const TOLERANCE_MS = 300_000

export type Verify = (c: EdgeContext, body: Buffer) => Effect.Effect<void, InvalidSignature>

/** Holds callbacks to the signature that a secret makes; any of several will do. */
export const verifying = (...secrets: Arr.NonEmptyReadonlyArray<Redacted.Redacted<string>>): Verify => {
  const webhooks = secrets.map((secret) => new Webhook(Redacted.value(secret)))
  return (c, body) =>
    Effect.suspend(() => {
      const headers = headersOf(c)
      if (!webhooks.some((webhook) => isSigned(webhook, body, headers)))
        return Effect.fail(new InvalidSignature())
      vouchFor(c.env.incoming.socket)
      return Effect.void
    })
}

const isSigned = (webhook: Webhook, body: Buffer, headers: Headers): boolean => {
  try {
    webhook.verify(body, headers, { jsonParse: false })
    return true
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false
    throw error
  }
}

/** Reads the body of a callback, of at most `bytesMax`, for `use` to verify. */
export const callbackBody = Effect.fnUntraced(function* <A, E, R>(
  c: EdgeContext,
  bytesMax: number,
  use: (body: Buffer) => Effect.Effect<A, E, R>,
) {
  if (!isPlausible(headersOf(c), yield* Clock.currentTimeMillis)) return yield* new InvalidSignature()
  const bodies = yield* RequestBodies
  return yield* bodies.use(c.env, { kind: "callbacks", owner: c.req.path, bytesMax }, use)
})

type Headers = Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>>

const headersOf = (c: EdgeContext): Headers => {
  const header = (name: string) => c.req.header(name) ?? ""
  return {
    "webhook-id": header("webhook-id"),
    "webhook-timestamp": header("webhook-timestamp"),
    "webhook-signature": header("webhook-signature"),
  }
}

/** Whether a body that verifies could go with these headers. */
const isPlausible = (headers: Headers, now: number): boolean =>
  headers["webhook-id"] !== "" &&
  /^[0-9]{1,12}$/.test(headers["webhook-timestamp"]) &&
  Math.abs(Number(headers["webhook-timestamp"]) * 1_000 - now) <= TOLERANCE_MS + 1_000 &&
  /(?:^| )v1,[A-Za-z0-9+/]{43}=(?: |$)/.test(headers["webhook-signature"])
