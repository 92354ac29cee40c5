/**
 * Signatures as a second library sees them, which shares no code with ours and none with `standardwebhooks`: svix before it was built on
 * that one. Ed25519 is verified with jose in test/webhooks/endpoint-secrets.test.ts.
 */
import { randomBytes } from "node:crypto"
import { Redacted } from "effect"
import { Webhook } from "svix"
import { expect, it } from "vitest"
import { signedWebhookHeaders } from "../../src/platform/standard-webhooks.ts"
import { newSigningKey } from "../../src/platform/webhook-signing-key.ts"

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`
const [current, previous, stranger] = [newSecret(), newSecret(), newSecret()]
const body = '{"id":"pb_x:1","type":"com.atlaspay.payout.settled.v1","name":"Žofia"}'

/** Whether the library takes a webhook for genuine, of an endpoint whose secret is being replaced and which has a signing key. */
const verifies = (secret: string, sent: string, atS: number): boolean => {
  const besides = [Redacted.make(previous), Redacted.make(newSigningKey())]
  const headers = signedWebhookHeaders(Redacted.make(current), { id: "pb_x:1", atS, body }, besides)
  try {
    new Webhook(secret).verify(sent, headers)
    return true
  } catch {
    return false
  }
}

it("a secret in rotation verifies with either, and with no other", () => {
  const nowS = Math.floor(Date.now() / 1_000)
  expect([current, previous, stranger].map((one) => verifies(one, body, nowS))).toEqual([true, true, false])
  expect(verifies(current, `${body} `, nowS)).toBe(false)
  expect(verifies(current, body, nowS - 301)).toBe(false)
})
