/** Webhooks are believed if one of the endpoint's secrets signed exactly these bytes, a short time ago. */

import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { verifyWebhook, WebhookRefused } from "../../src/client/webhooks.ts"
import { fc } from "../property.ts"

const secret = `whsec_${Buffer.alloc(24, 1).toString("base64")}`
const other = `whsec_${Buffer.alloc(24, 2).toString("base64")}`
const now = Date.parse("2026-11-27T12:00:00.000Z")
const body = JSON.stringify({
  id: "pb_1:7",
  type: "com.atlaspay.payout.settled.v1",
  data: { state: "settled" },
})

const signed = (at = now, text = body, by = secret) => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": String(Math.floor(at / 1_000)),
  "webhook-signature": new Webhook(by).sign("msg_1", new Date(at), text),
})

describe("a webhook", () => {
  it("is verified as text, as bytes, and with headers in any form", () => {
    for (const given of [body, Buffer.from(body), new Uint8Array(Buffer.from(body))])
      expect(verifyWebhook(given, signed(), secret, { now })).toMatchObject({ id: "pb_1:7" })
    expect(verifyWebhook(body, new Headers(signed()), secret, { now }).type).toBe(
      "com.atlaspay.payout.settled.v1",
    )
    const upper = Object.fromEntries(
      Object.entries(signed()).map(([name, value]) => [name.toUpperCase(), value]),
    )
    expect(verifyWebhook(body, upper, secret, { now }).id).toBe("pb_1:7")
  })

  it("is verified while its secret is replaced, on either side", () => {
    expect(verifyWebhook(body, signed(), [other, secret], { now }).id).toBe("pb_1:7")
    const both = `v1a,abc ${signed(now, body, other)["webhook-signature"]} ${signed()["webhook-signature"]}`
    expect(verifyWebhook(body, { ...signed(), "webhook-signature": both }, secret, { now }).id).toBe("pb_1:7")
  })

  it.each([
    ["another secret", body, signed(now, body, other)],
    ["another body", body.replace("settled", "failed!"), signed()],
    ["the same JSON in other bytes", body.replace(":", ": "), signed()],
    ["another id", body, { ...signed(), "webhook-id": "msg_2" }],
    ["another time", body, { ...signed(), "webhook-timestamp": String(now / 1_000 + 1) }],
    ["a time that is no number", body, { ...signed(), "webhook-timestamp": `${now / 1_000}x` }],
    ["no signature", body, { ...signed(), "webhook-signature": undefined }],
    ["an empty signature", body, { ...signed(), "webhook-signature": "v1," }],
    ["a header that came twice", body, { ...signed(), "Webhook-Id": "msg_1" }],
    ["bytes that are no text", Buffer.from([0xff]), signed()],
    ["a text that is no event", "[]", signed(now, "[]")],
  ])("is refused with %s", (_, given, headers) => {
    expect(() => verifyWebhook(given, headers, secret, { now })).toThrow(WebhookRefused)
  })

  it("is refused if it is too old or from the future, by the tolerance of the caller", () => {
    for (const [age, tolerance, isRefused] of [
      [299_000, undefined, false],
      [301_000, undefined, true],
      [-301_000, undefined, true],
      [61_000, 60_000, true],
      [3_599_000, 3_600_000, false],
      [0, Number.NaN, true],
    ] as const) {
      const verify = () => verifyWebhook(body, signed(now - age), secret, { now, toleranceMs: tolerance })
      if (isRefused) expect(verify, `${age}`).toThrow(WebhookRefused)
      else expect(verify().id).toBe("pb_1:7")
    }
  })

  it("is refused with every other signature", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (signature) => {
        const headers = { ...signed(), "webhook-signature": `v1,${signature}` }
        expect(() => verifyWebhook(body, headers, secret, { now })).toThrow(WebhookRefused)
      }),
      { numRuns: 200 },
    )
  })

  it("is never verified with a secret that is none, which the error does not show", () => {
    for (const none of ["", "whsec_", "a secret"]) {
      const verify = () => verifyWebhook(body, signed(), none, { now })
      expect(verify).toThrow(TypeError)
      expect(verify).not.toThrow("a secret ")
    }
  })
})
