/**
 * A callback of a provider counts if its signature is valid and at most five minutes old. The signature covers the body,
 * so the body has to be read before the sender is authenticated: only a small one, of a kind that gives way to newer ones,
 * and only with headers that a provider could have sent.
 */
import { Clock, Effect } from "effect"
import {
  type CallbackSignature,
  type HeaderOf,
  type Secrets,
  signedWebhook,
  TOLERANCE_MS,
} from "../../providers/calling/signed-callback.ts"
import { vouchFor } from "../edge/connections.ts"
import type { Call } from "../edge/edge.ts"
import { InvalidSignature } from "../edge/failures.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { bytesFailures } from "../routing/bodies.ts"

/**
 * For how long a repetition is recognised in the mailbox: a signature is valid for five minutes before and after its time.
 * A later repetition goes to the batch, which recognises it.
 */
export const CALLBACK_KEPT_MS = 2 * TOLERANCE_MS

/** The failures of a callback's signature and of its body, whatever is in it. */
export const callbackFailures = [...bytesFailures, "InvalidSignature", "UnsupportedCharset"] as const

export type Verify = (c: Call, body: Buffer) => Effect.Effect<void, InvalidSignature>

/** Verifies the signature of callbacks with one of several secrets. */
export const verifying =
  (secrets: Secrets, signature = signedWebhook): Verify =>
  (c, body) =>
    Effect.suspend(() => {
      if (!signature.verify(secrets, headerOf(c), body)) return Effect.fail(new InvalidSignature())
      vouchFor(c.env.incoming.socket)
      return Effect.void
    })

/** Reads the body of a callback, of at most `bytesMax`, for `use` to verify. */
export const callbackBody = Effect.fnUntraced(function* <A, E, R>(
  c: Call,
  bytesMax: number,
  use: (body: Buffer) => Effect.Effect<A, E, R>,
  signature: CallbackSignature = signedWebhook,
) {
  const at = yield* Clock.currentTimeMillis
  if (!signature.isPlausible(headerOf(c), at)) return yield* new InvalidSignature()
  const bodies = yield* RequestBodies
  return yield* bodies.use(c.env, { kind: "callbacks", owner: c.req.path, bytesMax }, use)
})

export const headerOf =
  (c: Call): HeaderOf =>
  (name) =>
    c.req.header(name) ?? ""
