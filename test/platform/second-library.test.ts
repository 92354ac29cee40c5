/**
 * Signatures as a second library sees them, which shares no code with ours and none with `standardwebhooks`: @hookflo/tern, a
 * development dependency. It reads webhooks of services that follow Standard Webhooks, such as Replicate. Ed25519 is verified
 * with jose in test/webhooks/endpoint-secrets.test.ts.
 */
import { randomBytes } from "node:crypto"
import { Redacted } from "effect"
import { expect, it } from "vitest"
import packageJson from "../../package.json" with { type: "json" }
import { signedWebhookHeaders } from "../../src/platform/standard-webhooks.ts"
import { newSigningKey } from "../../src/platform/webhook-signing-key.ts"

const LIBRARY = "@hookflo/tern"

interface Library {
  readonly WebhookVerificationService: {
    readonly verify: (
      request: Request,
      config: { readonly platform: string; readonly secret: string; readonly toleranceInSeconds: number },
    ) => Promise<{ readonly isValid: boolean }>
  }
}

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`
const [current, previous, stranger] = [newSecret(), newSecret(), newSecret()]
const body = '{"id":"pb_x:1","type":"com.atlaspay.payout.settled.v1","name":"Žofia"}'

/** Whether the library takes a webhook for genuine. */
const verifies = async (secret: string, sent: string, atS: number): Promise<boolean> => {
  const { WebhookVerificationService }: Library = await import(LIBRARY)
  const besides = [Redacted.make(previous), Redacted.make(newSigningKey())]
  const headers = signedWebhookHeaders(Redacted.make(current), { id: "pb_x:1", atS, body }, besides)
  const request = new Request("https://acme.example/hooks", { method: "POST", headers, body: sent })
  const config = { platform: "replicateai", secret, toleranceInSeconds: 300 }
  return (await WebhookVerificationService.verify(request, config)).isValid
}

it.runIf(Object.hasOwn(packageJson.devDependencies, LIBRARY))(
  "a secret in rotation verifies with either, and with no other",
  async () => {
    const nowS = Math.floor(Date.now() / 1_000)
    expect(await Promise.all([current, previous, stranger].map((one) => verifies(one, body, nowS)))).toEqual([
      true,
      true,
      false,
    ])
    expect(await verifies(current, `${body} `, nowS)).toBe(false)
    expect(await verifies(current, body, nowS - 301)).toBe(false)
  },
)
