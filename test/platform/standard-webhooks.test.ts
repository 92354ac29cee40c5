import { Redacted } from "effect"
import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { isSignedWebhook, signedWebhookHeaders, TOLERANCE_S } from "../../src/platform/standard-webhooks.ts"

const secretText = `whsec_${Buffer.from("a key of twenty-four byte").toString("base64")}`
const secret = Redacted.make(secretText)
const other = Redacted.make(`whsec_${Buffer.from("another key").toString("base64")}`)
const nowS = Math.floor(Date.now() / 1_000)
const body = '{"status":"settled","name":"Žofia"}'

/** Signed by the specification's own library. */
const signedElsewhere = (atS = nowS, by = secretText) => ({
  id: "msg-1",
  timestamp: String(atS),
  signatures: new Webhook(by).sign("msg-1", new Date(atS * 1_000), body),
  body: Buffer.from(body),
})

describe("a signature", () => {
  it("is the one of the specification's library", () => {
    const headers = signedWebhookHeaders(secret, { id: "msg-1", atS: nowS, body })
    expect(headers["webhook-signature"]).toBe(signedElsewhere().signatures)
    expect(() => new Webhook(secretText).verify(body, headers)).not.toThrow()
  })

  it("of the specification's library is accepted", () => {
    expect(isSignedWebhook(secret, signedElsewhere(), nowS)).toBe(true)
  })

  it("is accepted among others", () => {
    const message = signedElsewhere()
    const signatures = `v1,short v1a,${"A".repeat(43)}= ${message.signatures}`
    expect(isSignedWebhook(secret, { ...message, signatures }, nowS)).toBe(true)
  })

  it.each([
    ["by another secret", { by: other }],
    ["over another body", { with: { body: Buffer.from(`${body} `) } }],
    ["over another id", { with: { id: "msg-2" } }],
    ["over another time", { with: { timestamp: String(nowS - 1) } }],
    ["of another version", { with: { signatures: signedElsewhere().signatures.replace("v1,", "v2,") } }],
    ["without an id", { with: { id: "" } }],
    ["with a time that is none", { with: { timestamp: "now" } }],
    ["without a signature", { with: { signatures: "" } }],
  ])("is refused %s", (_, changed: { readonly by?: typeof secret; readonly with?: object }) => {
    const message = { ...signedElsewhere(), ...changed.with }
    expect(isSignedWebhook(changed.by ?? secret, message, nowS)).toBe(false)
  })

  it.each([-1, 1])("is accepted up to five minutes away, and no further (%i)", (sign) => {
    const at = (s: number) => isSignedWebhook(secret, signedElsewhere(nowS + sign * s), nowS)
    expect(at(TOLERANCE_S)).toBe(true)
    expect(at(TOLERANCE_S + 1)).toBe(false)
  })
})
